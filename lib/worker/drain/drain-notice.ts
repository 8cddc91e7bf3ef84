import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { show } from '../../device/check.ts'
import { NodeDlbError } from '../../errors.ts'

/**
 * The name of the channel. The channel is found by name and not by import, because the app's copy
 * of node-dlb may be another one than the copy that started it.
 */
const CHANNEL = 'node-dlb:drain'

/** The notice that a worker gets when it has to finish its connections and end. */
export interface DrainNotice {
  /** The worker's number. */
  readonly worker: number
  /** The signal whose handlers in the app are called next. */
  readonly signal: NodeJS.Signals
  /**
   * The time on the clock of `Date.now()` at which open connections are cut. They may be cut
   * earlier.
   */
  readonly deadline: number
  /** Milliseconds until the deadline. */
  readonly timeout: number
}

/** Calls all subscribers. One that throws does not keep the others from being called. */
export function tellOfDrain(notice: DrainNotice): void {
  channel(CHANNEL).publish(notice)
}

/**
 * Calls back when this worker has to finish its connections and end: when the balancer closes, or
 * when the worker is replaced or no longer needed. The call comes once, before signal handlers are
 * called and before servers close. It serves connections that only the app knows how to finish,
 * such as WebSockets. In any other thread it never comes.
 *
 * Subscribing to the diagnostics channel `node-dlb:drain` has the same effect, and does not need
 * this package.
 * @returns a function that removes the callback
 * @throws ERR_DLB_INVALID_ARGUMENT unless `callback` is a function
 */
export function onDrain(callback: (drain: DrainNotice) => void): () => void {
  if (typeof callback !== 'function') {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `onDrain takes a function, not ${show(callback)}`)
  }
  const listener = (notice: unknown): void => callback(notice as DrainNotice)
  subscribe(CHANNEL, listener)
  return () => void unsubscribe(CHANNEL, listener)
}
