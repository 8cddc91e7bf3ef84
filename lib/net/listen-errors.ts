import { NodeDlbError } from '../errors.ts'

export interface ListenerFaults {
  /**
   * Called with the number of connections that were accepted and closed at once because the process
   * had no descriptors left.
   */
  readonly onShed?: (count: number) => void
  /**
   * Called with ERR_DLB_LISTEN when the listener has stopped accepting because of an error. Without
   * a callback this is an uncaught exception.
   */
  readonly onError?: (error: NodeDlbError) => void
}

const hints: Record<string, string> = {
  EACCES: 'ports below 1024 need CAP_NET_BIND_SERVICE, and a path needs a directory that can be written to',
  EADDRINUSE: 'another server listens there, or the path exists',
  EADDRNOTAVAIL: 'no network interface of this machine has the address',
  EMFILE: 'raise the limit on open files (ulimit -n)',
  EINVAL: 'the address is not an IP address of a family that this machine has',
}

/** The error of a bind or listen that failed. `where`: the address, as text. */
export function listenError(where: string, cause: unknown): NodeDlbError {
  const { code = '', message } = cause as NodeJS.ErrnoException
  const hint = hints[code] === undefined ? '' : ` (${hints[code]})`
  return new NodeDlbError('ERR_DLB_LISTEN', `cannot listen on ${where}: ${message}${hint}`, { cause })
}

/** The error of a socket that the kernel has shut down. */
export function stoppedError(where: string, cause: Error): NodeDlbError {
  return new NodeDlbError('ERR_DLB_LISTEN', `stopped listening on ${where}: ${cause.message}`, { cause })
}

export function rethrow(error: Error): never {
  throw error
}
