import type { NodeDlbError } from '../../errors.ts'
import type { Events } from '../events.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { EntryFailedError, StartWatch } from './start-watch.ts'
import type { WorkerExit } from './worker-thread.ts'

/** Milliseconds after which a worker that does not listen is late, if `startTimeout` is 0. */
const LATE_MS = 5000

/** Follows the starts of all workers. A start ends when the worker listens. Main thread. */
export class StartWatches {
  /** Watches the workers that the balancer starts with. */
  readonly first: StartWatch
  readonly #options: ResolvedOptions
  readonly #events: Events
  readonly #watches = new Set<StartWatch>()
  /** By worker: the timers of threads that have not listened yet. */
  readonly #timers = new Map<number, NodeJS.Timeout>()

  constructor(options: ResolvedOptions, events: Events) {
    this.#options = options
    this.#events = events
    this.first = this.watch(Array.from({ length: options.workers }, (_, worker) => worker))
  }

  /** Watches workers that are about to be started. */
  watch(workers: readonly number[]): StartWatch {
    const watch = new StartWatch(workers, this.#options.startTimeout)
    this.#watches.add(watch)
    return watch
  }

  unwatch(watch: StartWatch): void {
    this.#watches.delete(watch)
  }

  /** Called when the worker's thread was started. */
  spawned(worker: number): void {
    const wait = this.#options.startTimeout || LATE_MS
    // The warning does not keep the process alive.
    const timer = setTimeout(() => this.#tellLate(worker, wait), wait).unref()
    this.#timers.set(worker, timer)
  }

  /** Called when the worker listens, which ends its start. */
  listens(worker: number): void {
    this.forget(worker)
    for (const watch of this.#watches) watch.settle(worker)
  }

  /** Cancels the warning that the worker is late. */
  forget(worker: number): void {
    clearTimeout(this.#timers.get(worker))
    this.#timers.delete(worker)
  }

  /**
   * Called when the worker's thread has ended. `isFinished`: it was to end, or ended itself with
   * code 0.
   * @returns whether the worker is needed again; false if it has failed at its start
   */
  ended(worker: number, exit: WorkerExit, isFinished: boolean): boolean {
    if (this.first.failed) return false
    const watch = this.#watchOf(worker)
    if (!watch) return !isFinished
    if (isFinished) watch.settle(worker)
    else watch.fail(exit.failure ?? new EntryFailedError(worker, this.#options.entry, exit))
    return false
  }

  failAll(error: NodeDlbError): void {
    for (const watch of this.#watches) watch.fail(error)
  }

  #watchOf(worker: number): StartWatch | undefined {
    return [...this.#watches].find((watch) => watch.awaits(worker))
  }

  #tellLate(worker: number, timeout: number): void {
    // The watch's rejection says so.
    if (this.#watchOf(worker) && this.#options.startTimeout > 0) return
    if (this.#events.emit('worker-late', { worker, timeout })) return
    process.emitWarning(`worker_${worker} does not listen after ${timeout / 1000} s`, 'NodeDlbWarning')
  }
}
