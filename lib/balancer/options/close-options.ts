import os from 'node:os'
import { show } from '../../device/check.ts'
import { NodeDlbError } from '../../errors.ts'
import { MAX_MS } from './kinds.ts'
import { isObject, readOnce } from './read-once.ts'

export interface CloseOptions {
  /**
   * Milliseconds for connections to finish, 0 to 2,147,483,647; 0 cuts at once. Default: the
   * balancer's `drainTimeout`.
   */
  readonly timeout?: number | undefined
  /** The signal for apps that have a handler for it. Default: SIGTERM. */
  readonly signal?: NodeJS.Signals | undefined
}

const names = ['timeout', 'signal']

/** @throws ERR_DLB_INVALID_ARGUMENT */
export function readCloseOptions(
  options: CloseOptions,
  drainTimeout: number,
): { timeout: number; signal: NodeJS.Signals } {
  if (!isObject(options)) throw invalid(`close() takes an object, such as { timeout: 1000 }, not ${show(options)}`)
  const { timeout = drainTimeout, signal = 'SIGTERM', ...others } = readOnce('the options of close()', options, names)
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw invalid(`close() has no option '${unknown}' (there are ${names.join(', ')})`)
  if (typeof timeout !== 'number' || !(timeout >= 0 && timeout <= MAX_MS)) {
    throw invalid(`timeout must be a number of milliseconds from 0 to ${MAX_MS}, not ${show(timeout)}`)
  }
  return { timeout, signal: checkSignal(signal) }
}

/** @throws ERR_DLB_INVALID_ARGUMENT unless it is the name of a signal */
export function checkSignal(signal: unknown): NodeJS.Signals {
  if (typeof signal === 'string' && Object.hasOwn(os.constants.signals, signal)) return signal as NodeJS.Signals
  throw invalid(`signal must be a signal's name, such as 'SIGTERM', not ${show(signal)}`)
}

function invalid(message: string): NodeDlbError {
  return new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', message)
}
