import type { Route } from '../../protocol.ts'
import type { TableEntry } from './listener.ts'

/** The routes, and the way to tell workers of them. */
export interface RouteUpdateSource {
  routeOf(entry: TableEntry): Route
  /** Tells the worker that these routes, or its links, have changed. */
  tell(worker: number, routes: [listener: number, route: Route][]): void
}

/**
 * Collects the changes of routes and links, and tells each worker of those that concern it, once
 * per turn of the loop. An answer to a worker's call overtakes these messages; the revision tells
 * which of the two is newer. Main thread.
 */
export class RouteUpdates {
  readonly #source: RouteUpdateSource
  readonly #rerouted = new Set<TableEntry>()
  readonly #relinked = new Set<number>()
  #pending: NodeJS.Immediate | null = null
  #revision = 0

  constructor(source: RouteUpdateSource) {
    this.#source = source
  }

  /** Grows with each change of a route or a link. */
  get revision(): number {
    return this.#revision
  }

  routeChanged(entry: TableEntry): void {
    entry.revision = ++this.#revision
    this.#rerouted.add(entry)
    this.#tellLater()
  }

  linksChanged(worker: number): void {
    this.#revision++
    this.#relinked.add(worker)
    this.#tellLater()
  }

  /** The listener is closed. */
  forget(entry: TableEntry): void {
    this.#rerouted.delete(entry)
  }

  #tellLater(): void {
    this.#pending ??= setImmediate(() => this.#tell())
  }

  #tell(): void {
    this.#pending = null
    const routes = new Map<number, [number, Route][]>([...this.#relinked].map((worker) => [worker, []]))
    for (const entry of this.#rerouted) {
      const route = this.#source.routeOf(entry)
      for (const worker of entry.members) {
        const known = routes.get(worker)
        if (known) known.push([entry.id, route])
        else routes.set(worker, [[entry.id, route]])
      }
    }
    this.#rerouted.clear()
    this.#relinked.clear()
    for (const [worker, changed] of routes) this.#source.tell(worker, changed)
  }
}
