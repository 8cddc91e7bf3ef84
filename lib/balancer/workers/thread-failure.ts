import { NodeDlbError } from '../../errors.ts'

/**
 * The codes of errors that Node throws for options that it refuses. All others, except
 * DataCloneError, are caused by the machine.
 */
const wrongUse = /^ERR_(INVALID_|OUT_OF_RANGE|WORKER_INVALID_|MISSING_)/

const hint =
  'the process has no threads, descriptors or memory left for it: raise the limits (ulimit -u and -n, the pids and ' +
  'memory limits of its container or service), or have fewer workers'

/**
 * The reason for which a worker's thread cannot be started, as an error. `cause` is what `new
 * Worker` throws, or the 'error' event of a thread that Node could not set up.
 *
 * @returns ERR_DLB_INVALID_ARGUMENT for options that Node refuses, else ERR_DLB_THREAD_FAILED
 */
export function threadFailure(worker: number, cause: unknown): NodeDlbError {
  if (cause instanceof NodeDlbError) return cause
  const { code, name, message } = cause as NodeJS.ErrnoException
  if (name === 'DataCloneError' || wrongUse.test(String(code))) {
    return new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `Node refuses the workers' options: ${message}`, { cause })
  }
  const what = `the thread of worker_${worker} cannot be started: ${message}`
  return new NodeDlbError('ERR_DLB_THREAD_FAILED', lacksResources(code) ? `${what} (${hint})` : what, { cause })
}

/** Whether a thread's 'error' event says that Node could not set the thread up. */
export function isInitFailure(error: unknown): boolean {
  return codeOf(error) === 'ERR_WORKER_INIT_FAILED'
}

/**
 * Whether a thread's 'error' event says that Node itself ended the thread, rather than an error in
 * the thread's code.
 */
export function isEndedByNode(error: unknown): boolean {
  return isInitFailure(error) || codeOf(error) === 'ERR_WORKER_OUT_OF_MEMORY'
}

function lacksResources(code: unknown): boolean {
  return /^(ERR_WORKER_INIT_FAILED|ERR_MEMORY_ALLOCATION_FAILED|EAGAIN|ENOMEM|EMFILE|ENFILE)$/.test(String(code))
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException | null | undefined)?.code
}
