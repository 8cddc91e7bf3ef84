import type { DirectedCounts } from '../../../ledger/counts.ts'

/**
 * Counts, for each worker, the connections that policies have dealt to it by choice and that are
 * open or on their way to it.
 *
 * Main thread, which alone deals. A worker's count is one number of main's minus two numbers of the
 * worker's, each of which only grows. So every connection is counted once, whatever the worker is
 * doing, and exact counts need no lock.
 */
export class WorkerLoads {
  readonly #counts: (worker: number) => DirectedCounts
  /** The number of connections dealt since the start, by worker. */
  readonly #dealt: number[]

  constructor(workers: number, counts: (worker: number) => DirectedCounts) {
    this.#counts = counts
    // Connections in a failed device are on their way to no worker.
    this.#dealt = Array.from({ length: workers }, (_, worker) => counts(worker).opened + counts(worker).dropped)
  }

  of(worker: number): number {
    const { closed, dropped } = this.#counts(worker)
    return this.#dealt[worker] - closed - dropped
  }

  dealt(worker: number, connections: number): void {
    this.#dealt[worker] += connections
  }

  /** Called when the worker's thread has ended: its connections are closed, or were taken back. */
  ended(worker: number): void {
    const { closed, dropped } = this.#counts(worker)
    this.#dealt[worker] = closed + dropped
  }
}
