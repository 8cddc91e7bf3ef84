import type { ClientTable } from './client-table.ts'
import { Directed } from './directed.ts'
import type { Balanced } from './policy.ts'
import type { WorkerLoads } from './worker-loads.ts'

export interface Clients {
  /**
   * A number for the address (not the port) of the fd's client; 0 if it has none. `proxied`: of the
   * one that its PROXY header names.
   */
  clientOf(fd: number, proxied: boolean): number
  /** One for all fabrics: a device that fails moves no client. */
  readonly clients: ClientTable
}

/**
 * To the worker that has the client's other connections, or had its last one less than
 * `affinityTimeout` ago; by the client's address. A new client gets the worker that has the fewest
 * connections, of these the one that has the fewest clients. Clients without an address (of a Unix
 * socket) are dealt as new ones each time.
 *
 * A client whose worker may be dealt none (it has died, was replaced, is held) gets another, and
 * stays there.
 *
 * Not by the device's atomic scheduling: that completes in the order of arrival, so that a client
 * would stay bound while any older connection of anybody's is open, and no longer than a connection
 * of its own is.
 *
 * Cost: as `exact`, a system call for each connection, and an entry in a table. A client with much
 * to do makes its worker's load uneven: that is what it is for. Addresses are told apart by 32
 * bits; two that fall together share a worker.
 */
export class Affinity extends Directed {
  readonly name = 'affinity'
  override readonly needsClient = true
  readonly #host: Clients

  constructor(loads: WorkerLoads, host: Clients) {
    super(loads)
    this.#host = host
  }

  protected override choose(listener: Balanced, i: number, fd: number, stamp: number): number {
    const { clients } = this.#host
    clients.closed(fd)
    const client = this.#host.clientOf(fd, listener.proxied)
    if (client === 0) return this.#freest(listener, i)
    const bound = listener.workers.indexOf(clients.workerOf(client))
    const place = bound === -1 ? this.#freest(listener, i) : bound
    clients.bind(client, listener.workers[place], fd, stamp)
    return place
  }

  #freest({ workers, turn }: Balanced, i: number): number {
    let best = -1
    let [leastLoad, fewestClients] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    for (let k = 0; k < workers.length; k++) {
      const place = (turn + i + k) % workers.length
      const [load, clients] = [this.loads.of(workers[place]), this.#host.clients.countOf(workers[place])]
      if (load > leastLoad || (load === leastLoad && clients >= fewestClients)) continue
      best = place
      leastLoad = load
      fewestClients = clients
    }
    return best
  }
}
