import { Exact } from './directed.ts'
import type { Balanced } from './policy.ts'
import type { WorkerLoads } from './worker-loads.ts'

export interface Clients {
  /** A number for the address (not the port) of the fd's client; 0 if it has none. */
  clientOf(fd: number): number
  /** Whether the connection is waiting or open still. */
  isOpen(fd: number, stamp: number): boolean
}

/** The connections of one client, and the worker that has them. */
interface Flow {
  readonly client: number
  worker: number
  /** By fd; those that have closed are found out later. */
  readonly stamps: Map<number, number>
}

/**
 * To the worker that has a connection of the same client address, as long as one is open; a client without one gets the
 * worker that has the fewest. Clients of a Unix socket have no address, and are apart.
 *
 * Not by the device's atomic scheduling: that completes in the order of arrival, so that a client would stay bound while any older
 * connection of anybody's is open, and it binds no more of them than the device has event-state entries.
 *
 * Cost: as `exact`, a system call for each connection, and an entry in a table. A client with much to do makes its worker's
 * load uneven: that is what it is for. Addresses are told apart by 32 bits; two that fall together share a worker.
 */
export class Affinity extends Exact {
  override readonly name = 'affinity'
  readonly #clients: Clients
  readonly #flows = new Map<number, Flow>()
  readonly #byFd = new Map<number, Flow>()

  constructor(loads: WorkerLoads, clients: Clients) {
    super(loads)
    this.#clients = clients
  }

  protected override choose(listener: Balanced, i: number, fd: number, stamp: number): number {
    this.#forget(fd)
    const client = this.#clients.clientOf(fd)
    if (client === 0) return super.choose(listener, i, fd, stamp)
    const flow = this.#flows.get(client) ?? { client, worker: -1, stamps: new Map() }
    const bound = this.#isBound(flow) ? listener.workers.indexOf(flow.worker) : -1
    const place = bound === -1 ? super.choose(listener, i, fd, stamp) : bound
    flow.worker = listener.workers[place]
    flow.stamps.set(fd, stamp)
    this.#flows.set(client, flow)
    this.#byFd.set(fd, flow)
    return place
  }

  /** Drops the closed ones that it comes across. */
  #isBound({ stamps }: Flow): boolean {
    for (const [fd, stamp] of stamps) {
      if (this.#clients.isOpen(fd, stamp)) return true
      stamps.delete(fd)
      this.#byFd.delete(fd)
    }
    return false
  }

  /** The number is a new connection's, or the same one is dealt again: the table has no more entries than there are fds. */
  #forget(fd: number): void {
    const flow = this.#byFd.get(fd)
    if (!flow) return
    this.#byFd.delete(fd)
    flow.stamps.delete(fd)
    if (flow.stamps.size === 0) this.#flows.delete(flow.client)
  }
}
