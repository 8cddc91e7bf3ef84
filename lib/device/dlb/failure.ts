import { getSystemErrorName } from 'node:util'
import { type ErrorCode, NodeDlbError } from '../../errors.ts'

/** An error as the addon makes it of a failed call of libdlb. */
export interface SystemError extends Error {
  readonly code: string
  readonly errno: number
  /** libdlb's function. */
  readonly syscall: string
}

export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'syscall' in error && 'code' in error
}

/** A failure of libdlb's of which only the errno (positive) is known. */
export function systemError(syscall: string, errno: number): SystemError {
  const code = getSystemErrorName(-errno)
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: -errno, syscall })
}

/**
 * Runs a call that may throw a system error, and makes a NodeDlbError of it.
 * @param meanings by errno name: the code and what to do; other failures are ERR_DLB_DEVICE_FAILED.
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
