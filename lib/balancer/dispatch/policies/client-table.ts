/** A client, and the worker that has it. */
interface Client {
  readonly number: number
  worker: number
  /** When it was last seen to have a connection, in ms. */
  seenAt: number
  /** Stamps by fd of its connections; those that have closed are found out later. Null: none. */
  stamps: Map<number, number> | null
}

export interface ClientTableOptions {
  /** So long after its last connection a client keeps its worker, in ms. */
  readonly timeout: number
  /** Whether the connection is waiting or open still. */
  readonly isOpen: (fd: number, stamp: number) => boolean
  /** In ms; default `performance.now`. */
  readonly now?: () => number
  /** Default MAX_CLIENTS. */
  readonly maxClients?: number
}

/**
 * So many clients are known; with more, those are forgotten first that have had no connection for
 * the longest time.
 */
export const MAX_CLIENTS = 65_536
/**
 * To make room for one: clients that may be found to have a connection are not looked for any
 * further.
 */
const MAX_LOOKS = 4
/** A round over the whole table takes a quarter of the timeout, in so many steps. */
const STEPS = 16
const ROUNDS = 4
const MIN_STEP_MS = 50

/**
 * Which worker has which client: while it has a connection, and for `timeout` after that.
 *
 * Nobody tells main that a connection has closed. So a round over the table, in small steps, looks
 * who has one still, and a client is kept for at least the timeout, and for at most a quarter of it
 * longer. Each step costs what a sixteenth of the table does; all else is O(1). In the map's order,
 * the clients whose connection is the latest to be seen come last.
 *
 * Main thread. Its timer runs while there are clients, and does not hold the loop.
 */
export class ClientTable {
  readonly #options: Required<ClientTableOptions>
  readonly #clients = new Map<number, Client>()
  readonly #byFd = new Map<number, Client>()
  /** Clients of each worker. */
  readonly #counts: number[] = []
  #round: { readonly clients: Iterator<Client>; readonly perStep: number } | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(options: ClientTableOptions) {
    this.#options = { now: () => performance.now(), maxClients: MAX_CLIENTS, ...options }
  }

  get size(): number {
    return this.#clients.size
  }

  /** Clients that the worker has. */
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
   * The client's connection goes to this worker, as will its next ones. The number of the fd is
   * forgotten before, by `closed`.
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
   * The number is a new connection's, or the same one is dealt again: so there are no more entries
   * than there are descriptors.
   */
  closed(fd: number): void {
    const client = this.#byFd.get(fd)
    if (client) this.#drop(client, fd)
  }

  /** Looks at the next of the clients. */
  step(): void {
    this.#round ??= { clients: this.#clients.values(), perStep: Math.ceil(this.#clients.size / STEPS) }
    const { clients, perStep } = this.#round
    for (let left = perStep; left > 0; left--) {
      const { value: client, done } = clients.next()
      if (done) {
        this.#round = null
        break
      }
      // Not moved to the end, where the round would come by again.
      if (this.#isOpen(client)) client.seenAt = this.#options.now()
      else if (!this.#isRecent(client)) this.#forget(client)
    }
    if (this.#clients.size === 0) this.close()
  }

  close(): void {
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

  /** If those that come first have connections, there is one more: no more than descriptors. */
  #makeRoom(): void {
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
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

  /** It has a connection now. */
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

  /** Drops the connections that have closed, as far as it comes across them. */
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
