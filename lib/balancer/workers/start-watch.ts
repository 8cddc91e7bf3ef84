import { readFields, show } from '../../device/check.ts'
import { NodeDlbError } from '../../errors.ts'
import type { WorkerExit } from './worker-thread.ts'

/**
 * Watches workers that start: each has to listen, or to end with code 0, and none may fail before.
 */
export class Startup {
  readonly done: Promise<void>
  readonly #pending: Set<number>
  #resolve: () => void = () => undefined
  #reject: (error: Error) => void = () => undefined
  readonly #timer: NodeJS.Timeout | undefined
  #failed = false

  /** `timeout`: 0 for none. */
  constructor(workers: readonly number[], timeout: number) {
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#pending = new Set(workers)
    if (timeout > 0) this.#timer = setTimeout(() => this.#late(timeout), timeout)
  }

  get over(): boolean {
    return this.#pending.size === 0
  }

  /** The reason is told by the rejection. */
  get failed(): boolean {
    return this.#failed
  }

  /** Whether the worker has neither listened nor ended yet. */
  awaits(worker: number): boolean {
    return this.#pending.has(worker)
  }

  settle(worker: number): void {
    this.#pending.delete(worker)
    if (this.over) this.#end(this.#resolve)
  }

  fail(error: Error): void {
    if (this.over) return
    this.#pending.clear()
    this.#failed = true
    this.#end(() => this.#reject(error))
  }

  #end(settle: () => void): void {
    clearTimeout(this.#timer)
    settle()
  }

  #late(timeout: number): void {
    const names = [...this.#pending].map((index) => `worker_${index}`).join(', ')
    this.fail(
      new NodeDlbError(
        'ERR_DLB_TIMEOUT',
        `${names} did not listen within ${timeout / 1000} s: the entry has to call listen(); raise startTimeout, or set it to 0, if it needs longer`,
      ),
    )
  }
}

/** What a worker that failed at start has to say. */
export class EntryFailedError extends NodeDlbError {
  readonly worker: number
  /** As the process's exit code would have been without a balancer. */
  readonly exitCode: number
  /**
   * The uncaught error, as Node prints it; null if the entry ended without one, as by process.exit.
   */
  readonly workerError: string | null

  constructor(worker: number, entry: string, exit: WorkerExit) {
    const { code, error } = readFields('exit', exit, ['code', 'error'])
    const how = typeof error === 'string' ? `failed: ${error.split('\n', 1)[0]}` : `ended with exit code ${show(code)}`
    const what = typeof entry === 'string' ? entry : show(entry)
    super('ERR_DLB_ENTRY_FAILED', `${what} ${how} before it listened (in worker_${show(worker)})`)
    this.worker = worker
    this.exitCode = code
    this.workerError = error
  }
}
