import type { Ledger } from '../../ledger/ledger.ts'
import type { WorkerThread } from './worker-thread.ts'

const CHECK_MS = 10

export interface DrainOptions {
  readonly ledger: Ledger
  /** Those of the workers' threads to be ended that live. */
  readonly threads: () => readonly WorkerThread[]
  /** What apps that have a handler for it are told. */
  readonly signal: NodeJS.Signals
  /** Milliseconds until what is left is cut. */
  readonly timeout: number
  /**
   * The worker has so many connections open at the deadline, 1 or more; they are about to be cut.
   */
  readonly onCut: (worker: number, connections: number) => void
}

/**
 * Ends workers so that no connection is cut that finishes in time: their apps are told to finish,
 * and each thread ends once its last connection is closed. What is left at the deadline is cut.
 */
export class Drain {
  readonly #options: DrainOptions
  /** Workers that have closed their servers, and end once they are idle. */
  readonly #closing = new Set<number>()
  #deadline: number

  constructor(options: DrainOptions) {
    this.#options = options
    this.#deadline = performance.now() + options.timeout
  }

  /** Whether the deadline has passed: whatever is open is cut. */
  get isOver(): boolean {
    return performance.now() >= this.#deadline
  }

  /** Moves the deadline, earlier only. */
  hurry(timeout: number): void {
    this.#deadline = Math.min(this.#deadline, performance.now() + timeout)
  }

  /**
   * The worker's servers are closed. One whose app has its own handler of the signal never says so:
   * it ends itself.
   */
  closing(worker: number): void {
    this.#closing.add(worker)
  }

  /**
   * `ready`: first waits for that, or for the deadline.
   * @returns how many of the workers' connections were cut.
   */
  async run(ready: () => boolean = () => true): Promise<number> {
    const { threads, signal } = this.#options
    if (!ready()) for (const thread of threads()) thread.post({ type: 'ending' })
    // Without workers, nobody will take what waits.
    await this.#until(() => ready() || threads().length === 0)
    // By the clock: every thread's performance.now() has a start of its own.
    const deadline = Math.round(Date.now() + this.#deadline - performance.now())
    for (const thread of threads()) thread.post({ type: 'drain', signal, deadline })
    await this.#until(() => this.#endIdle())
    const left = threads()
    const cut = left.reduce((sum, thread) => sum + this.#countCut(thread), 0)
    await Promise.all(left.map((thread) => thread.terminate()))
    return cut
  }

  #countCut({ index, terminated }: WorkerThread): number {
    const { active } = this.#options.ledger.counters.ofWorker(index)
    // Of one that another drain ends just now, that one has counted.
    if (terminated || active === 0) return 0
    this.#options.onCut(index, active)
    return active
  }

  /** @returns whether all are gone */
  #endIdle(): boolean {
    const { ledger, threads } = this.#options
    for (const thread of threads()) {
      const { index } = thread
      if (ledger.counters.ofWorker(index).active > 0 || !this.#closing.delete(index)) continue
      thread.post({ type: 'exit' })
    }
    return threads().length === 0
  }

  /**
   * Ends at the deadline in any case. The counts are in shared memory, and nobody tells of a
   * change: hence the timer.
   */
  async #until(isDone: () => boolean): Promise<void> {
    if (isDone()) return
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (!isDone() && !this.isOver) return
        clearInterval(timer)
        resolve()
      }, CHECK_MS)
    })
  }
}
