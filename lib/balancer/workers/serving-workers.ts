import type { WorkerThread } from './worker-thread.ts'
import type { Workers } from './workers.ts'

interface Listeners {
  /** Whether the worker has a server. */
  serves(worker: number): boolean
}

/** The workers that have a server, in the order of their numbers. */
export class ServingWorkers {
  readonly #workers: Workers
  readonly #listeners: Listeners

  constructor(workers: Workers, listeners: Listeners) {
    this.#workers = workers
    this.#listeners = listeners
  }

  get threads(): WorkerThread[] {
    return this.#workers.threads.filter(({ index }) => this.#listeners.serves(index))
  }

  get indexes(): number[] {
    return this.threads.map(({ index }) => index)
  }
}
