import { readFields, show } from '../../device/check.ts'
import { NodeDlbError } from '../../errors.ts'
import type { WorkerExit } from './worker-thread.ts'

/**
 * Watches workers that start. Each has to listen, or to end with code 0; if one fails before that,
 * the start has failed.
 */
export class StartWatch {
  /** Resolves once no worker is awaited; rejects with the first failure. */
  readonly done: Promise<void>
  readonly #pending: Set<number>
  #resolve: () => void = () => undefined
  #reject: (error: Error) => void = () => undefined
  readonly #timer: NodeJS.Timeout | undefined
  #failed = false

  /** @param timeout milliseconds until the start counts as failed; 0 means never */
  constructor(workers: readonly number[], timeout: number) {
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#pending = new Set(workers)
    if (timeout > 0) this.#timer = setTimeout(() => this.#late(timeout), timeout)
  }

  /** Whether the watch is over: all workers have settled, or one has failed. */
  get over(): boolean {
    return this.#pending.size === 0
  }

  /** Whether the start has failed. The rejection of `done` has the reason. */
  get failed(): boolean {
    return this.#failed
  }

  /** Whether the worker has neither listened nor ended yet. */
  awaits(worker: number): boolean {
    return this.#pending.has(worker)
  }

  /** Called when the worker listens, or has ended with code 0. */
  settle(worker: number): void {
    this.#pending.delete(worker)
    if (this.over) this.#end(this.#resolve)
  }

  /** Does nothing once the watch is over. */
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
        `${names} did not listen within ${timeout / 1000} s: the entry has to call listen(); raise startTimeout, or ` +
          'set it to 0, if it needs longer',
      ),
    )
  }
}

/** ERR_DLB_ENTRY_FAILED: a worker ended before it listened. */
export class EntryFailedError extends NodeDlbError {
  readonly worker: number
  /** The exit code that the process would have had without a balancer. */
  readonly exitCode: number
  /**
   * The uncaught error, as Node prints it; null if the entry ended without one, for example by
   * process.exit.
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
