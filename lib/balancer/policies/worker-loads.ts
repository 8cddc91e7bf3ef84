/** What a worker has done since the start. */
export interface WorkerProgress {
  /** Connections that are open in it now. */
  readonly active: number
  /** Connections that it has taken from its directed queue. */
  readonly taken: number
}

/**
 * The workers' connections: those that are open, and those on their way to one by its directed queue. What is on its way by
 * load-balanced queues belongs to nobody yet.
 *
 * Main thread, which alone deals: no lock is needed for true counts.
 */
export class WorkerLoads {
  readonly #progress: (worker: number) => WorkerProgress
  /** By worker: connections that it was dealt since the start. */
  readonly #dealt: number[]

  constructor(workers: number, progress: (worker: number) => WorkerProgress) {
    this.#progress = progress
    this.#dealt = Array.from({ length: workers }, (_, worker) => progress(worker).taken)
  }

  of(worker: number): number {
    const { active, taken } = this.#progress(worker)
    return active + Math.max(0, this.#dealt[worker] - taken)
  }

  dealt(worker: number, connections: number): void {
    this.#dealt[worker] += connections
  }

  /** Its queue is empty: what was in it has been taken back. */
  emptied(worker: number): void {
    this.#dealt[worker] = this.#progress(worker).taken
  }
}
