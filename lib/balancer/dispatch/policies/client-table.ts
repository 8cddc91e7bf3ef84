/** A client, and the worker that has it. */
interface Client {
  readonly number: number
  worker: number
  /** When the client was last seen to have a connection, in ms. */
  seenAt: number
  /**
   * The stamps of its connections by fd. Connections that have closed are removed later. null:
   * none.
   */
  stamps: Map<number, number> | null
}

export interface ClientTableOptions {
  /** Milliseconds for which a client keeps its worker after its last connection. */
  readonly timeout: number
  /** Whether the connection still waits or is open. */
  readonly isOpen: (fd: number, stamp: number) => boolean
  /** The clock, in ms; default `performance.now`. */
  readonly now?: () => number
  /** Default MAX_CLIENTS. */
  readonly maxClients?: number
}

/**
 * The most clients that are kept. Beyond that, the client that has had no connection for the
 * longest time is forgotten first.
 */
const MAX_CLIENTS = 65_536
/** The most clients that are checked for connections to make room for a new one. */
const MAX_CHECKS = 4
/**
 * The number of steps in which a round goes over the whole table. A round takes a quarter of the
 * timeout.
 */
const STEPS = 16
const ROUNDS = 4
const MIN_STEP_MS = 50

/**
 * Remembers the worker of each client, while the client has a connection and for `timeout`
 * afterwards.
 *
 * Nothing tells main that a connection has closed. So the table is checked in rounds, in small
 * steps, for clients that still have one. A client is kept for at least the timeout, and for at
 * most a quarter of it longer. A step visits a sixteenth of the table; everything else is O(1). In
 * the map's order, the client whose connection was seen latest comes last.
 *
 * Main thread. The timer runs while there are clients, and does not keep the loop alive.
 */
export class ClientTable {
  readonly #options: Required<ClientTableOptions>
  readonly #clients = new Map<number, Client>()
  readonly #byFd = new Map<number, Client>()
  /** The number of clients of each worker. */
  readonly #counts: number[] = []
  #round: { readonly clients: Iterator<Client>; readonly perStep: number } | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(options: ClientTableOptions) {
    this.#options = { now: () => performance.now(), maxClients: MAX_CLIENTS, ...options }
  }

  get size(): number {
    return this.#clients.size
  }

  /** @returns the number of clients that the worker has */
  countOf(worker: number): number {
    return this.#counts[worker] ?? 0
  }

  /** @returns the client's worker; -1 if it has none */
  workerOf(number: number): number {
    const client = this.#clients.get(number)
    if (!client) return -1
    const isKept = this.#isOpen(client) || this.#isRecent(client)
    if (!isKept) this.#forget(client)
    return isKept ? client.worker : -1
  }

  /**
   * Binds the client to the worker: this connection goes there, and so will the client's next ones.
   * The caller has called `closed` for the fd before.
   */
  bind(number: number, worker: number, fd: number, stamp: number): void {
    const client = this.#clients.get(number) ?? this.#add(number, worker)
    if (client.worker !== worker) this.#move(client, worker)
    client.stamps ??= new Map()
    client.stamps.set(fd, stamp)
    this.#byFd.set(fd, client)
    this.#see(client)
    const interval = Math.max(MIN_STEP_MS, this.#options.timeout / ROUNDS / STEPS)
    this.#timer ??= setInterval(() => this.step(), interval).unref()
  }

  /**
   * Called when the fd's number belongs to a new connection, or the same connection is dealt again.
   * Forgetting the old entry keeps the table within the number of descriptors.
   */
  closed(fd: number): void {
    const client = this.#byFd.get(fd)
    if (client) this.#drop(client, fd)
  }

  /** Checks the clients of the next step. */
  step(): void {
    this.#round ??= { clients: this.#clients.values(), perStep: Math.ceil(this.#clients.size / STEPS) }
    const { clients, perStep } = this.#round
    for (let left = perStep; left > 0; left--) {
      const { value: client, done } = clients.next()
      if (done) {
        this.#round = null
        break
      }
      // The client is not moved to the end of the map, where the round would meet it again.
      if (this.#isOpen(client)) client.seenAt = this.#options.now()
      else if (!this.#isRecent(client)) this.#forget(client)
    }
    if (this.#clients.size === 0) this.stop()
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
    this.#round = null
  }

  #add(number: number, worker: number): Client {
    if (this.#clients.size >= this.#options.maxClients) this.#makeRoom()
    const client: Client = { number, worker, seenAt: 0, stamps: null }
    this.#clients.set(number, client)
    this.#counts[worker] = this.countOf(worker) + 1
    return client
  }

  /**
   * Forgets a client without a connection. If the first clients have connections, the table grows
   * by one instead; it never has more clients than there are descriptors.
   */
  #makeRoom(): void {
    for (let checks = 0; checks < MAX_CHECKS; checks++) {
      const [client] = this.#clients.values()
      if (!this.#isOpen(client)) {
        this.#forget(client)
        return
      }
      this.#see(client)
    }
  }

  #move(client: Client, worker: number): void {
    this.#counts[client.worker]--
    this.#counts[worker] = this.countOf(worker) + 1
    client.worker = worker
  }

  /** Notes that the client has a connection now. */
  #see(client: Client): void {
    client.seenAt = this.#options.now()
    this.#clients.delete(client.number)
    this.#clients.set(client.number, client)
  }

  #forget(client: Client): void {
    for (const fd of client.stamps?.keys() ?? []) this.#byFd.delete(fd)
    this.#clients.delete(client.number)
    this.#counts[client.worker]--
  }

  #isRecent({ seenAt }: Client): boolean {
    const { now, timeout } = this.#options
    return timeout > 0 && now() - seenAt <= timeout * (1 + 1 / ROUNDS)
  }

  /**
   * Whether the client has an open connection. It drops the closed ones that it meets before that.
   */
  #isOpen(client: Client): boolean {
    for (const [fd, stamp] of client.stamps ?? []) {
      if (this.#options.isOpen(fd, stamp)) return true
      this.#drop(client, fd)
    }
    return false
  }

  #drop(client: Client, fd: number): void {
    this.#byFd.delete(fd)
    client.stamps?.delete(fd)
    if (client.stamps?.size === 0) client.stamps = null
  }
}
