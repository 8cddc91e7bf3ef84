import type { NodeDlbError } from '../errors.ts'
import type { Connection, Ledger } from '../ledger/ledger.ts'
import type { Links, Routes } from '../protocol.ts'
import type { Dispatch } from './dispatch/dispatch.ts'
import type { Events } from './events.ts'
import type { ListenerHost } from './listeners/host.ts'
import type { Listener } from './listeners/listener.ts'
import type { Sheds } from './stats/sheds.ts'
import type { Workers } from './workers/workers.ts'

export interface ListenerRouterParts {
  readonly dispatch: Dispatch
  readonly workers: Workers
  readonly ledger: Ledger
  readonly sheds: Sheds
  readonly events: Events
}

/** Passes on what happens at the listeners to the parts that handle it. Main thread. */
export class ListenerRouter implements ListenerHost {
  readonly #parts: ListenerRouterParts

  constructor(parts: ListenerRouterParts) {
    this.#parts = parts
  }

  accepted(listener: number, fds: Int32Array, count: number): void {
    this.#parts.dispatch.accepted(listener, fds, count)
  }

  shed(connections: number): void {
    this.#parts.ledger.counters.countShed(connections)
    this.#parts.sheds.count('descriptors', connections)
  }

  failed(error: NodeDlbError): void {
    this.#parts.events.emit('error', error)
  }

  opened({ address }: Listener): void {
    this.#parts.events.emit('listening', address)
  }

  served(connections: readonly Connection[]): void {
    this.#parts.dispatch.dealer.deal(connections)
  }

  closed({ unserved }: Listener): void {
    this.#parts.dispatch.dealer.refuse(unserved)
  }

  rerouted(worker: number, links: Links, routes: Routes): void {
    this.#parts.workers.post(worker, { type: 'routes', links, routes })
  }
}
