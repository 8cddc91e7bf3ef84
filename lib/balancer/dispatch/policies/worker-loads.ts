import type { DirectCounts } from '../../../ledger/counters.ts'

/**
 * The connections that were dealt to a worker itself, and are open or on their way to it.
 *
 * Main thread, which alone deals. A worker's count is one number of its own less two of the
 * worker's, each of which only grows: whatever the worker is doing just now, a connection is
 * counted once. So true counts need no lock.
 */
export class WorkerLoads {
  readonly #counts: (worker: number) => DirectCounts
  /** By worker: connections that it was dealt since the start. */
  readonly #dealt: number[]

  constructor(workers: number, counts: (worker: number) => DirectCounts) {
    this.#counts = counts
    // What a device had that has failed is on its way to nobody.
    this.#dealt = Array.from({ length: workers }, (_, worker) => counts(worker).opened + counts(worker).dropped)
  }

  of(worker: number): number {
    const { closed, dropped } = this.#counts(worker)
    return this.#dealt[worker] - closed - dropped
  }

  dealt(worker: number, connections: number): void {
    this.#dealt[worker] += connections
  }

  /** It has ended: what it was dealt is closed, or was taken back. */
  ended(worker: number): void {
    const { closed, dropped } = this.#counts(worker)
    this.#dealt[worker] = closed + dropped
  }
}
