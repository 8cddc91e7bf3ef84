import type { ClientTable } from './client-table.ts'
import { Directed } from './directed.ts'
import type { PolicyListener } from './policy.ts'
import type { WorkerLoads } from './worker-loads.ts'

export interface Clients {
  /**
   * Returns a number for the address (not the port) of the fd's client; 0 if it has none.
   * `proxied`: the address is the one that the connection's PROXY header names.
   */
  clientOf(fd: number, proxied: boolean): number
  /**
   * The clients and their workers. The table outlives a device that fails, so that clients keep
   * their workers.
   */
  readonly clients: ClientTable
}

/**
 * Deals a connection to the worker that has the client's other connections, or that had its last
 * one less than `affinityTimeout` ago. Clients are told apart by their addresses. A new client gets
 * the worker with the fewest connections, and among equals the one with the fewest clients.
 * Connections without a client address (of a Unix socket) are each dealt like a new client's.
 *
 * A client whose worker may not be dealt connections (it has died, was replaced, or is held) gets
 * another worker, and stays there.
 *
 * The device's atomic scheduling does not do this. It completes events in the order of arrival, so
 * a client would stay bound while any older connection of any client is open, and no longer than
 * its own connection is.
 *
 * Cost: the cost of `exact`, plus a system call and a table entry for each connection. A very
 * active client makes its worker's load uneven, which is the purpose. Addresses are compared by a
 * hash of 32 bits; two clients whose hashes are equal share a worker.
 */
export class Affinity extends Directed {
  readonly name = 'affinity'
  override readonly needsClient = true
  readonly #host: Clients

  constructor(loads: WorkerLoads, host: Clients) {
    super(loads)
    this.#host = host
  }

  protected override choose(listener: PolicyListener, i: number, fd: number, stamp: number): number {
    const { clients } = this.#host
    clients.closed(fd)
    const client = this.#host.clientOf(fd, listener.proxied)
    if (client === 0) return this.#freest(listener, i)
    const bound = listener.workers.indexOf(clients.workerOf(client))
    const index = bound === -1 ? this.#freest(listener, i) : bound
    clients.bind(client, listener.workers[index], fd, stamp)
    return index
  }

  #freest({ workers, turn }: PolicyListener, i: number): number {
    let best = -1
    let [leastLoad, fewestClients] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    for (let k = 0; k < workers.length; k++) {
      const index = (turn + i + k) % workers.length
      const [load, clients] = [this.loads.of(workers[index]), this.#host.clients.countOf(workers[index])]
      if (load > leastLoad || (load === leastLoad && clients >= fewestClients)) continue
      best = index
      leastLoad = load
      fewestClients = clients
    }
    return best
  }
}
