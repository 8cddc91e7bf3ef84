/**
 * Counts the connections that were cut: they were not finished at the deadline of a drain, and were
 * closed then. Main thread.
 */
export class Cuts {
  readonly #byWorker = new Map<number, number>()
  #waiting = 0

  /** Counts connections that the worker had open. */
  countOpen(worker: number, connections: number): void {
    this.#byWorker.set(worker, this.of(worker) + connections)
  }

  /** Counts connections that waited and that no worker had yet. */
  countWaiting(connections: number): void {
    this.#waiting += connections
  }

  of(worker: number): number {
    return this.#byWorker.get(worker) ?? 0
  }

  get total(): number {
    return [...this.#byWorker.values()].reduce((sum, connections) => sum + connections, this.#waiting)
  }
}
