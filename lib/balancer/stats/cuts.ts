/**
 * Counts connections that were not finished at the deadline of a drain, and were closed then. Main
 * thread.
 */
export class Cuts {
  readonly #byWorker = new Map<number, number>()
  #waiting = 0

  /** The worker had these connections open. */
  countOpen(worker: number, connections: number): void {
    this.#byWorker.set(worker, this.of(worker) + connections)
  }

  /** These connections waited, and no worker had them yet. */
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
