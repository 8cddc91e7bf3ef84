import type { AddressInfo } from 'node:net'
import type { QueueId } from '../device/device.ts'
import { NodeDlbError } from '../errors.ts'
import type { Links, ListenRequest, Reply, Route, Routes } from '../worker/protocol.ts'
import type { Eligibility } from './eligibility.ts'
import type { Fabric } from './fabric.ts'
import type { Connection } from './ledger.ts'
import { Listener } from './listener.ts'
import type { ListenerSettingsTable } from './listener-settings.ts'
import { isOwnAccepting, type Policy } from './policies/index.ts'
import { QueuePool } from './queue-pool.ts'
import { RELIEF_PLACES, type Shift } from './shift.ts'
import { TableEntry } from './table-entry.ts'

/** Node's own default. */
const DEFAULT_BACKLOG = 511
const EADDRINUSE = -98
const MAX_LISTENER_ID = 0xffff

export interface ListenerTableOptions {
  readonly fabric: Fabric
  readonly eligibility: Eligibility
  readonly settings: ListenerSettingsTable
  readonly shift: Shift
  /** Workers accept while the acceptor rests, where the device chooses among them. */
  readonly relief: boolean
  readonly onBatch: (listener: number, fds: Int32Array, count: number) => void
  readonly onShed: (count: number) => void
  readonly onError: (error: NodeDlbError) => void
  /** These connections were parked, and somebody listens now who may be dealt them. */
  readonly onServed: (parked: readonly Connection[]) => void
  readonly onOpen: (entry: TableEntry) => void
  /** Connections of these listeners come to the worker another way from now on. */
  readonly onRoutes: (worker: number, links: Links, routes: Routes) => void
  /** Nobody listens there any more: its parked connections have nowhere to go. */
  readonly onClose: (entry: TableEntry) => void
}

export type Backlogs = 'empty' | 'waiting' | 'stranded'

/**
 * The balancer's listening sockets. A socket is shared by all workers that listen on the same address, opened by
 * the first and closed with the last. While nobody serves it (its workers died and are respawning, or are held), or while
 * credits are out, it does not accept, and the kernel's backlog holds what arrives. Without a device it never does: the
 * workers accept from it.
 */
export class ListenerTable {
  readonly #options: ListenerTableOptions
  readonly #entries = new Map<number, TableEntry>()
  #fabric: Fabric
  /** Counts the fabrics. */
  #generation = 0
  #queues: QueuePool<TableEntry>
  /** Workers that serve them are to hear of their routes. */
  readonly #moved = new Set<TableEntry>()
  /** They are to hear of their links. */
  readonly #relinked = new Set<number>()
  #telling: NodeJS.Immediate | null = null
  readonly #reliefPlaces = Array.from({ length: RELIEF_PLACES }, (_, place) => place)
  #blocked = false
  #resting = false
  #stopped = false
  #lastId = -1
  /** Counts the changes of routes and links. */
  #revision = 0

  constructor(options: ListenerTableOptions) {
    this.#options = options
    this.#fabric = options.fabric
    this.#queues = this.#createPool()
  }

  get generation(): number {
    return this.#generation
  }

  /** The fabric has failed, and this one takes its place: listeners get their queues from it. */
  connect(fabric: Fabric): void {
    this.#fabric = fabric
    this.#generation++
    this.#queues.close()
    this.#queues = this.#createPool()
    for (const entry of this.entries()) this.#membersChanged(entry)
  }

  routes(): Routes {
    return this.entries().map((entry) => [entry.id, this.#routeOf(entry)] as const)
  }

  /** The queues that the worker is to have links to. */
  linksOf(worker: number): Links {
    return { generation: this.#generation, revision: this.#revision, queues: this.#queues.linksOf(worker) }
  }

  get(id: number): TableEntry | undefined {
    return this.#entries.get(id)
  }

  entries(): TableEntry[] {
    return [...this.#entries.values()]
  }

  /** Whether the worker has a server. */
  serves(worker: number): boolean {
    return this.entries().some(({ members }) => members.has(worker))
  }

  /** The listener whose socket accepted the fd, of which nothing is known; undefined if it is no open connection of ours. */
  listenerOf(fd: number): number | undefined {
    return this.entries().find(({ listener }) => listener.isConnection(fd))?.id
  }

  join(worker: number, request: ListenRequest): Reply {
    if (this.#stopped) return { type: 'refused', code: 'ERR_DLB_CLOSED', message: 'the balancer is closing' }
    const key = this.#keyFor(worker, request)
    let entry = this.entries().find((other) => other.key === key)
    // The same app listens twice on one address: an error on a single thread.
    if (entry?.members.has(worker)) return { type: 'failed', errno: EADDRINUSE, address: addressText(entry) }
    try {
      entry ??= this.#open(key, request)
    } catch (error) {
      return refusal(error, request)
    }
    entry.members.add(worker)
    entry.awaited.delete(worker)
    entry.ticketKeys ??= request.ticketKeys
    this.#membersChanged(entry)
    const { id, listener, ticketKeys, noDelay } = entry
    const { address, fd } = listener
    const [route, links] = [this.#routeOf(entry), this.linksOf(worker)]
    return { type: 'listening', listener: id, route, links, address, fd, noDelay, ticketKeys }
  }

  leave(worker: number, id: number): void {
    const entry = this.#entries.get(id)
    if (!entry?.members.delete(worker)) return
    this.#membersChanged(entry)
  }

  /** The worker died; its successor will listen again. */
  workerDied(worker: number): void {
    this.#queues.forget(worker)
    for (const entry of this.entries()) {
      if (!entry.members.delete(worker)) continue
      entry.awaited.add(worker)
      this.#membersChanged(entry)
    }
  }

  /** The worker ended and has no successor. */
  workerFinished(worker: number): void {
    this.#queues.forget(worker)
    for (const entry of this.entries()) {
      entry.members.delete(worker)
      entry.awaited.delete(worker)
      this.#membersChanged(entry)
    }
  }

  /** Some worker has become eligible, or is not any more. */
  eligibilityChanged(): void {
    for (const entry of this.entries()) this.#workersChanged(entry)
  }

  setBlocked(blocked: boolean): void {
    this.#blocked = blocked
    for (const entry of this.entries()) this.#setAccepting(entry)
  }

  /** Whether workers accept from the listener while accepting rests. */
  hasRelief(id: number): boolean {
    const entry = this.#entries.get(id)
    return entry !== undefined && this.#hasRelief(entry)
  }

  /** Where workers have relief for it. */
  setResting(resting: boolean): void {
    this.#resting = resting
    for (const entry of this.entries()) this.#setAccepting(entry)
  }

  /**
   * From time to time while accepting rests: what waits where workers accept. Stranded is what waited already the last time, if nobody has accepted
   * there since.
   */
  lookAtBacklogs(): Backlogs {
    const { shift } = this.#options
    let backlogs: Backlogs = 'empty'
    for (const entry of this.#entries.values()) {
      if (!this.#hasRelief(entry) || !entry.served) continue
      const turns = shift.turnsAt(entry.reliefPlace)
      const waits = entry.listener.hasWaiting
      if (waits && entry.waited && turns === entry.turns) backlogs = 'stranded'
      else if (waits && backlogs === 'empty') backlogs = 'waiting'
      entry.turns = turns
      entry.waited = waits
    }
    return backlogs
  }

  /**
   * For good. The entries stay: what was accepted is still dealt to their workers. `finish`: so is what waits in the backlogs,
   * of clients that have sent their requests already. Not of sockets that workers accept from, who do so until they close them.
   */
  stopListening(finish: boolean): void {
    this.#stopped = true
    for (const { listener, members, policy } of this.entries()) {
      if (isOwnAccepting(policy.name)) listener.leaveToOthers()
      else if (finish && members.size > 0) listener.finish()
      else listener.close()
    }
  }

  #hasRelief(entry: TableEntry): entry is TableEntry & { readonly reliefPlace: number } {
    return this.#options.relief && entry.reliefPlace !== null && entry.policy.kind === 'load-balanced'
  }

  #routeOf(entry: TableEntry): Route {
    const { queue, listener, policy, priority, revision, settings } = entry
    // It may be closed by now, when the device fails during a drain.
    const fd = listener.fd < 0 ? null : listener.fd
    const socket = isOwnAccepting(policy.name) ? fd : null
    const relief = this.#hasRelief(entry) && fd !== null ? { socket: fd, place: entry.reliefPlace } : null
    const { completion } = policy
    const { proxyProtocol } = settings
    return { generation: this.#generation, queue, priority, completion, socket, relief, proxyProtocol, revision }
  }

  /** Where an app can listen several times (port 0, SO_REUSEPORT), the n-th time of each worker is the same listener. */
  #keyFor(worker: number, { address, port, ipv6Only, reusePort }: ListenRequest): string {
    if (port === -1) return `path ${address}`
    const key = `${address ?? '*'} ${port} ${ipv6Only}`
    if (port !== 0 && !reusePort) return key
    const taken = new Set(this.entries().flatMap((entry) => (entry.members.has(worker) ? [entry.key] : [])))
    let nth = 0
    while (taken.has(`${key} #${nth}`)) nth++
    return `${key} #${nth}`
  }

  #open(key: string, request: ListenRequest): TableEntry {
    const settings = this.#options.settings.find(request.address, request.port)
    const policy = this.#fabric.policyFor(settings.policy)
    const listener = openListener(this.#nextId(), request, settings.deferAccept, this.#options)
    const reliefPlace = policy.kind === 'load-balanced' ? (this.#reliefPlaces.shift() ?? null) : null
    const entry = new TableEntry(listener, { key, settings, policy, reliefPlace, noDelay: request.noDelay })
    this.#entries.set(entry.id, entry)
    this.#options.onOpen(entry)
    return entry
  }

  /** @throws ERR_DLB_NO_RESOURCES */
  #nextId(): number {
    if (this.#entries.size > MAX_LISTENER_ID) {
      throw new NodeDlbError('ERR_DLB_NO_RESOURCES', `an app can listen on ${MAX_LISTENER_ID + 1} addresses at a time`)
    }
    do this.#lastId = (this.#lastId + 1) & MAX_LISTENER_ID
    while (this.#entries.has(this.#lastId))
    return this.#lastId
  }

  #membersChanged(entry: TableEntry): void {
    if (entry.members.size === 0 && entry.awaited.size === 0) {
      this.#close(entry)
      return
    }
    this.#place(entry)
    this.#workersChanged(entry)
  }

  /** Those that may be dealt connections. */
  #workersChanged(entry: TableEntry): void {
    const { eligibility } = this.#options
    const workers = [...entry.members].filter((worker) => eligibility.isEligible(worker)).sort((a, b) => a - b)
    entry.workers = workers
    entry.directQueues =
      entry.policy.kind === 'directed' ? workers.map((worker) => this.#fabric.directQueues[worker]) : []
    entry.turn %= Math.max(1, workers.length)
    this.#setAccepting(entry)
    if (entry.served && entry.parked.length > 0) this.#options.onServed(entry.parked.splice(0))
  }

  #place(entry: TableEntry): void {
    const policy = this.#fabric.policyFor(entry.settings.policy)
    if (policy.kind === 'load-balanced' && entry.members.size > 0) {
      this.#queues.place(entry)
      return
    }
    this.#queues.remove(entry)
    this.#setRoute(entry, policy, null)
  }

  #createPool(): QueuePool<TableEntry> {
    return new QueuePool<TableEntry>({
      fabric: this.#fabric,
      onMoved: (entry, queue) => this.#onMoved(entry, queue),
      onLinks: (worker) => {
        this.#revision++
        this.#relinked.add(worker)
        this.#tellLater()
      },
    })
  }

  #onMoved(entry: TableEntry, queue: QueueId | null): void {
    const { policies } = this.#fabric
    const isWithout = queue === null && entry.members.size > 0
    this.#setRoute(entry, isWithout ? policies.inTurn : this.#fabric.policyFor(entry.settings.policy), queue)
    this.#workersChanged(entry)
  }

  #setRoute(entry: TableEntry, policy: Policy, queue: QueueId | null): void {
    if (queue?.id === entry.queue?.id && policy === entry.policy) return
    entry.queue = queue
    entry.policy = policy
    entry.revision = ++this.#revision
    this.#moved.add(entry)
    this.#tellLater()
  }

  /** Once for all that changes in this turn of the loop. */
  #tellLater(): void {
    this.#telling ??= setImmediate(() => this.#tell())
  }

  #tell(): void {
    this.#telling = null
    const routes = new Map<number, [number, Route][]>([...this.#relinked].map((worker) => [worker, []]))
    for (const entry of this.#moved) {
      const route = this.#routeOf(entry)
      for (const worker of entry.members) {
        const known = routes.get(worker)
        if (known) known.push([entry.id, route])
        else routes.set(worker, [[entry.id, route]])
      }
    }
    this.#moved.clear()
    this.#relinked.clear()
    for (const [worker, changed] of routes) this.#options.onRoutes(worker, this.linksOf(worker), changed)
  }

  #setAccepting(entry: TableEntry): void {
    if (this.#stopped) return
    const { served, policy, listener } = entry
    const rests = this.#resting && this.#hasRelief(entry)
    if (served && !this.#blocked && !rests && !isOwnAccepting(policy.name)) listener.resume()
    else listener.pause()
  }

  #close(entry: TableEntry): void {
    if (!this.#entries.delete(entry.id)) return
    entry.listener.close()
    this.#queues.remove(entry)
    this.#moved.delete(entry)
    if (entry.reliefPlace !== null) this.#reliefPlaces.push(entry.reliefPlace)
    this.#options.onClose(entry)
  }
}

function openListener(
  id: number,
  request: ListenRequest,
  deferAccept: boolean,
  { onBatch, onShed, onError }: ListenerTableOptions,
): Listener {
  const { address, port, backlog, ipv6Only, reusePort, noDelay } = request
  const common = { backlog: backlog > 0 ? backlog : DEFAULT_BACKLOG, ipv6Only, reusePort, noDelay, deferAccept }
  const where = port === -1 ? { address: null, port: 0, path: address ?? '' } : { address, port }
  return Listener.open(id, { ...where, ...common }, (fds, count) => onBatch(id, fds, count), { onShed, onError })
}

function refusal(error: unknown, { address, port }: ListenRequest): Reply {
  if (!(error instanceof NodeDlbError)) throw error
  const { errno, code, syscall } = (error.cause ?? {}) as NodeJS.ErrnoException
  if (error.code !== 'ERR_DLB_LISTEN' || errno === undefined) {
    return { type: 'refused', code: error.code, message: error.message }
  }
  // As Node: whatever else goes wrong with '::' makes it try '0.0.0.0', which is what its error names then.
  const fallen = port !== -1 && code !== 'EADDRINUSE' && syscall !== 'listen'
  return { type: 'failed', errno, address: address ?? (fallen ? '0.0.0.0' : '::') }
}

function addressText({ listener: { address } }: TableEntry): string {
  return typeof address === 'string' ? address : (address as AddressInfo).address
}
