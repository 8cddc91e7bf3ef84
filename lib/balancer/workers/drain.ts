import type { Ledger } from '../../ledger/ledger.ts'
import type { Events } from '../events.ts'
import type { Cuts } from '../stats/cuts.ts'
import type { WorkerThread } from './worker-thread.ts'

const CHECK_MS = 10

/** The workers to be ended. */
export interface Drained {
  /** Their threads that live at this moment. */
  readonly threads: readonly WorkerThread[]
}

export interface DrainParts {
  readonly drained: Drained
  /** The signal that apps with a handler for it are told. */
  readonly signal: NodeJS.Signals
  /** Milliseconds until what is left is cut. */
  readonly timeout: number
  readonly ledger: Ledger
  readonly cuts: Cuts
  readonly events: Events
}

/**
 * Ends workers so that no connection is cut that finishes in time: their apps are told to finish,
 * and each thread ends once its last connection is closed. What is left at the deadline is cut.
 */
export class Drain {
  readonly #parts: DrainParts
  /** Workers that have closed their servers, and end once they are idle. */
  readonly #closing = new Set<number>()
  #deadline: number

  constructor(parts: DrainParts) {
    this.#parts = parts
    this.#deadline = performance.now() + parts.timeout
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
   * The worker's servers are closed. A worker whose app has its own handler of the signal never
   * says so: it ends itself.
   */
  closing(worker: number): void {
    this.#closing.add(worker)
  }

  /**
   * First waits until `ready` is true, or for the deadline.
   * @returns how many of the workers' connections were cut
   */
  async run(ready: () => boolean = () => true): Promise<number> {
    const { drained, signal } = this.#parts
    if (!ready()) for (const thread of drained.threads) thread.post({ type: 'ending' })
    // Without workers, nobody will take what waits.
    await this.#until(() => ready() || drained.threads.length === 0)
    // The deadline is told in `Date.now()`, since each thread's performance.now() has its own
    // start.
    const deadline = Math.round(Date.now() + this.#deadline - performance.now())
    for (const thread of drained.threads) thread.post({ type: 'drain', signal, deadline })
    await this.#until(() => this.#endIdle())
    const left = drained.threads
    const cut = left.reduce((sum, thread) => sum + this.#countCut(thread), 0)
    await Promise.all(left.map((thread) => thread.terminate()))
    return cut
  }

  #countCut({ index, terminated }: WorkerThread): number {
    const { ledger, cuts, events } = this.#parts
    const { active } = ledger.counters.ofWorker(index)
    // Another drain that ends the thread just now has counted its connections.
    if (terminated || active === 0) return 0
    cuts.countOpen(index, active)
    events.emit('cut', { worker: index, connections: active })
    return active
  }

  /** @returns whether all threads are gone */
  #endIdle(): boolean {
    const { ledger, drained } = this.#parts
    for (const thread of drained.threads) {
      const { index } = thread
      if (ledger.counters.ofWorker(index).active > 0 || !this.#closing.delete(index)) continue
      thread.post({ type: 'exit' })
    }
    return drained.threads.length === 0
  }

  /**
   * Ends at the deadline in any case. A timer checks, because the counts are in shared memory and
   * nobody tells when they change.
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
