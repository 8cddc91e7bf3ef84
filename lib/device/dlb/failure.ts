import { type ErrorCode, NodeDlbError } from '../../errors.ts'
import type { SystemError } from '../../system-error.ts'

export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'syscall' in error && 'code' in error
}

/**
 * Runs a call that may throw a system error, and turns such an error into a NodeDlbError.
 * @param meanings by errno name, the error's code and advice. Other failures are
 *   ERR_DLB_DEVICE_FAILED.
 */
export function calling<T>(what: string, call: () => T, meanings: Meanings = {}): T {
  try {
    return call()
  } catch (error) {
    throw isSystemError(error) ? failure(what, error, meanings) : error
  }
}

export type Meanings = Readonly<Record<string, readonly [code: ErrorCode, advice: string]>>

export function failure(what: string, cause: SystemError, meanings: Meanings = {}): NodeDlbError {
  if (cause.code === 'ENOSYS') {
    return new NodeDlbError('ERR_DLB_UNSUPPORTED', `${what}: this libdlb has no ${cause.syscall}; use 8.8 or newer`, {
      cause,
    })
  }
  const meaning = meanings[cause.code]
  if (meaning !== undefined) return new NodeDlbError(meaning[0], `${what}: ${meaning[1]} (${cause.message})`, { cause })
  return new NodeDlbError(
    'ERR_DLB_DEVICE_FAILED',
    `${what}: ${cause.message}; libdlb may have printed the driver's reason to stdout`,
    { cause },
  )
}
