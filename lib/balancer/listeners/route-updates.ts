import type { Route } from '../../protocol.ts'
import type { Listener } from './listener.ts'

/** The routes, and the way to tell workers of them. */
export interface RouteUpdateSource {
  routeOf(listener: Listener): Route
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
  readonly #rerouted = new Set<Listener>()
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

  routeChanged(listener: Listener): void {
    listener.revision = ++this.#revision
    this.#rerouted.add(listener)
    this.#tellLater()
  }

  linksChanged(worker: number): void {
    this.#revision++
    this.#relinked.add(worker)
    this.#tellLater()
  }

  /** The listener is closed. */
  forget(listener: Listener): void {
    this.#rerouted.delete(listener)
  }

  #tellLater(): void {
    this.#pending ??= setImmediate(() => this.#tell())
  }

  #tell(): void {
    this.#pending = null
    const routes = new Map<number, [number, Route][]>([...this.#relinked].map((worker) => [worker, []]))
    for (const listener of this.#rerouted) {
      const route = this.#source.routeOf(listener)
      for (const worker of listener.members) {
        const known = routes.get(worker)
        if (known) known.push([listener.id, route])
        else routes.set(worker, [[listener.id, route]])
      }
    }
    this.#rerouted.clear()
    this.#relinked.clear()
    for (const [worker, changed] of routes) this.#source.tell(worker, changed)
  }
}
