/** A failed system call, as Node's own errors of one have it. */
export interface SystemError extends Error {
  readonly code: string
  /** Negative. */
  readonly errno: number
  readonly syscall: string
}

/** `errno` is positive. */
export function systemError(syscall: string, errno: number): SystemError {
  // Not imported: an ES module's import reads all that node:util exports. On Node 22 and newer that
  // opens process.stderr, and so makes a pipe non-blocking for all its users.
  const code = process.getBuiltinModule('node:util').getSystemErrorName(-errno)
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: -errno, syscall })
}
