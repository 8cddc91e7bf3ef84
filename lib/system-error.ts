/** A failed system call, in the form that Node's own errors have. */
export interface SystemError extends Error {
  readonly code: string
  /** Negative. */
  readonly errno: number
  readonly syscall: string
}

/** `errno` is positive. */
export function systemError(syscall: string, errno: number): SystemError {
  // node:util is not imported, because an ES module that imports a built-in module reads all its
  // exports. On Node 22 and newer, reading them opens process.stderr, and so makes a pipe
  // non-blocking for all its users.
  const code = process.getBuiltinModule('node:util').getSystemErrorName(-errno)
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: -errno, syscall })
}
