import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { show } from '../../device/check.ts'
import { NodeDlbError } from '../../errors.ts'

/**
 * By name and not by import, because the app's copy of node-dlb need not be the one that started
 * it.
 */
const CHANNEL = 'node-dlb:drain'

/** What a worker is told that is to finish what it has, and to end. */
export interface DrainNotice {
  /** The worker's number. */
  readonly worker: number
  /** What apps with a handler for it are told next. */
  readonly signal: NodeJS.Signals
  /** What is open then, as of `Date.now()`, is cut. It can come sooner. */
  readonly deadline: number
  /** Milliseconds until then. */
  readonly timeout: number
}

/** A subscriber that throws does not keep the others from being told. */
export function tellOfDrain(notice: DrainNotice): void {
  channel(CHANNEL).publish(notice)
}

/**
 * Calls back when this worker is to finish what it has, and to end: when the balancer closes, or
 * when the worker is replaced or not needed any more. It is called once, before signal handlers are
 * and before servers close. For connections that only the app knows how to finish, such as
 * WebSockets. In any other thread it is never called.
 *
 * The same as subscribing to the diagnostics channel `node-dlb:drain`, for which this package is
 * not needed.
 * @returns a function that takes it back
 * @throws ERR_DLB_INVALID_ARGUMENT
 */
export function onDrain(callback: (drain: DrainNotice) => void): () => void {
  if (typeof callback !== 'function') {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `onDrain takes a function, not ${show(callback)}`)
  }
  const listener = (notice: unknown): void => callback(notice as DrainNotice)
  subscribe(CHANNEL, listener)
  return () => void unsubscribe(CHANNEL, listener)
}
