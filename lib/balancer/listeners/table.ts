import type { AddressInfo } from 'node:net'
import type { QueueId } from '../../device/device.ts'
import { NodeDlbError } from '../../errors.ts'
import type { Connection } from '../../ledger/ledger.ts'
import { RELIEF_PLACES, type Shift } from '../../ledger/shift.ts'
import { Listener } from '../../net/listening-socket.ts'
import type { Links, ListenRequest, Reply, Route, Routes } from '../../protocol.ts'
import type { Fabric } from '../dispatch/fabric.ts'
import type { Policy } from '../dispatch/policies/index.ts'
import { isOwnAccepting } from '../dispatch/policies/names.ts'
import type { Eligibility } from '../workers/eligibility.ts'
import { canonical, excludes, isSame, isSameHost, isSamePath, overlaps } from './addresses.ts'
import { ChosenPorts } from './chosen-ports.ts'
import { QueuePool } from './queue-pool.ts'
import type { ListenerSettings, ListenerSettingsTable } from './settings.ts'
import { TableEntry } from './table-entry.ts'
import { type ListenerSocket, UnboundListener } from './unbound-listener.ts'

/** Node's own default. */
const DEFAULT_BACKLOG = 511
const EADDRINUSE = -98
const MAX_LISTENER_ID = 0xffff
/** Apps that remove a Unix socket's file when they close their server do so about then. */
const LOOKS_AFTER_LEAVING_MS = [20, 200, 2000]
/** Apps rename a Unix socket's file once they listen. */
const LOOK_FOR_RENAMED_MS = 10
const MOST_LOOKS_FOR_RENAMED = 100

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
 * The balancer's listening sockets. A socket is shared by all workers that listen on the same
 * address, opened by the first and closed with the last. Which address is the same is the kernel's
 * to say (addresses.ts). While nobody serves it (its workers died and are respawning, or are held),
 * or while credits are out, it does not accept, and the kernel's backlog holds what arrives.
 * Without a device it never does: the workers accept from it.
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
  readonly #chosen = new ChosenPorts()
  /** Sockets whose files wait to be replaced. */
  readonly #renamed = new Map<ListenerSocket, NodeJS.Timeout>()
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

  /**
   * The listener whose socket accepted the fd, of which nothing is known; undefined if it is no
   * open connection of ours.
   */
  listenerOf(fd: number): number | undefined {
    return this.entries().find(({ listener }) => listener.isConnection(fd))?.id
  }

  join(worker: number, request: ListenRequest): Reply {
    if (this.#stopped) return { type: 'refused', code: 'ERR_DLB_CLOSED', message: 'the balancer is closing' }
    let entry: TableEntry
    try {
      entry = this.#findOrOpen(worker, request)
      // The same app listens twice on one address: an error on a single thread.
      if (entry.members.has(worker)) return { type: 'failed', errno: EADDRINUSE, address: addressText(entry) }
      this.#putInPlace(entry)
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

  /** Whether others than this worker listen on the path. */
  isOthersPath(worker: number, path: string): boolean {
    return this.entries().some(
      ({ address, members }) => typeof address === 'string' && isSamePath(address, path) && !members.has(worker),
    )
  }

  leave(worker: number, id: number): void {
    const entry = this.#entries.get(id)
    if (!entry?.members.delete(worker)) return
    this.#membersChanged(entry)
    if (entry.asked.port !== -1) return
    for (const ms of LOOKS_AFTER_LEAVING_MS) setTimeout(() => this.#keepInPlace(entry), ms).unref()
  }

  /** The worker died; its successor will listen again. */
  workerDied(worker: number): void {
    this.#queues.forget(worker)
    this.#chosen.forget(worker)
    for (const entry of this.entries()) {
      if (!entry.members.delete(worker)) continue
      entry.awaited.add(worker)
      this.#membersChanged(entry)
      this.#keepInPlace(entry)
    }
  }

  /** The worker ended and has no successor. */
  workerFinished(worker: number): void {
    this.#queues.forget(worker)
    this.#chosen.forget(worker)
    for (const entry of this.entries()) {
      entry.members.delete(worker)
      entry.awaited.delete(worker)
      this.#membersChanged(entry)
      this.#keepInPlace(entry)
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
   * From time to time while accepting rests: what waits where workers accept. Stranded is what
   * waited already the last time, if nobody has accepted there since.
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
   * For good. The entries stay: what was accepted is still dealt to their workers. `finish`: so is
   * what waits in the backlogs, of clients that have sent their requests already. Not of sockets
   * that workers accept from, who do so until they close them.
   */
  stopListening(finish: boolean): void {
    this.#stopped = true
    for (const [listener, timer] of this.#renamed) {
      clearInterval(timer)
      if (finish) listener.finish()
      else listener.close()
    }
    this.#renamed.clear()
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

  #findOrOpen(worker: number, request: ListenRequest): TableEntry {
    if (request.port === 0) return this.#findOrOpenAny(worker, request)
    return this.#find(worker, request) ?? this.#open(worker, request)
  }

  /**
   * The listener that a request means, by what the kernel takes for the same address; or one of the
   * worker's own that is in its way, also if that is not bound.
   */
  #find(worker: number, request: ListenRequest): TableEntry | undefined {
    const entries = this.entries()
    const inTheWay = entries.find((entry) => entry.members.has(worker) && excludes(entry, request))
    return inTheWay ?? entries.find((entry) => isSame(entry, request) && !entry.members.has(worker))
  }

  /**
   * On a port of the kernel's choice: one that it has chosen before for another worker, if there is
   * one (see ChosenPorts).
   */
  #findOrOpenAny(worker: number, request: ListenRequest): TableEntry {
    const host = `${request.address ?? '*'} ${request.ipv6Only}`
    const entry = this.#findAny(worker, request, host) ?? this.#open(worker, request)
    if (typeof entry.address === 'object') this.#chosen.took(worker, host, entry.address.port)
    return entry
  }

  #findAny(worker: number, request: ListenRequest, host: string): TableEntry | undefined {
    const isFree = ({ members }: TableEntry): boolean => !members.has(worker)
    const open = this.entries().find((entry) => entry.asked.port === 0 && isSameHost(entry, request) && isFree(entry))
    for (const { port, isRecent } of this.#chosen.of(worker, host)) {
      // What all have closed long ago is not what a worker wants that starts now.
      if (open && !isRecent && asBound(open).port !== port) continue
      const found = this.#find(worker, { ...request, port })
      if (found && isFree(found)) return found
      const opened = found ? undefined : this.#tryToOpen(worker, request, port)
      if (opened) return opened
    }
    return open
  }

  #tryToOpen(worker: number, request: ListenRequest, port: number): TableEntry | undefined {
    try {
      return this.#open(worker, request, port)
    } catch (error) {
      if (isTaken(error)) return undefined
      throw error
    }
  }

  /** @throws ERR_DLB_LISTEN, ERR_DLB_NO_RESOURCES */
  #open(worker: number, request: ListenRequest, port = request.port): TableEntry {
    const settings = this.#options.settings.find(request.address, request.port)
    const policy = this.#fabric.policyFor(settings.policy)
    const id = this.#nextId()
    const listener = this.#bind(id, worker, { ...request, port }, settings)
    const reliefPlace = policy.kind === 'load-balanced' ? (this.#reliefPlaces.shift() ?? null) : null
    const entry = new TableEntry(id, listener, { asked: request, settings, policy, reliefPlace })
    this.#entries.set(id, entry)
    if (listener instanceof Listener) this.#options.onOpen(entry)
    return entry
  }

  /**
   * On an address that overlaps with one of this very worker's it fails, as on a single thread. One
   * that overlaps only with others' is bound once those have closed.
   */
  #bind(id: number, worker: number, request: ListenRequest, settings: ListenerSettings): ListenerSocket {
    try {
      return openListener(id, request, settings, this.#options)
    } catch (error) {
      const others = this.entries().filter((entry) => overlaps(entry, request))
      if (!isTaken(error) || others.length === 0 || others.some(({ members }) => members.has(worker))) throw error
      const address = canonical(request.address ?? '::')
      return new UnboundListener({ address, family: address.includes(':') ? 'IPv6' : 'IPv4', port: request.port })
    }
  }

  /** One has closed. */
  #bindUnbound(closed: TableEntry): void {
    for (const entry of this.entries()) {
      if (!(entry.listener instanceof UnboundListener) || !overlaps(closed, asBound(entry))) continue
      try {
        this.#setListener(entry, openListener(entry.id, asBound(entry), entry.settings, this.#options))
        this.#options.onOpen(entry)
      } catch (error) {
        if (!isTaken(error)) this.#options.onError(error as NodeDlbError)
      }
    }
  }

  /**
   * A Unix socket's file may be gone: apps remove what a crash left behind before they listen
   * there, and some remove it when they end. Then there is a new socket by that name. Who waits in
   * the old one's backlog is accepted; nobody else can come there.
   * @throws ERR_DLB_LISTEN
   */
  #putInPlace(entry: TableEntry): void {
    const { listener } = entry
    if (listener.isInPlace) return
    const successor = openListener(entry.id, entry.asked, entry.settings, this.#options)
    listener.copyPermissionsTo(successor)
    this.#setListener(entry, successor)
    if (isOwnAccepting(entry.policy.name)) listener.leaveToOthers()
    else if (listener.hasFile) this.#finishLater(entry, listener)
    else listener.finish()
  }

  /**
   * The app has renamed its file, and is about to put the successor's in that place: until then
   * clients come here, and wait.
   */
  #finishLater(entry: TableEntry, listener: ListenerSocket): void {
    let looks = 0
    listener.pause()
    const timer = setInterval(() => {
      if (listener.hasFile && ++looks < MOST_LOOKS_FOR_RENAMED) return
      clearInterval(timer)
      this.#renamed.delete(listener)
      if (this.#entries.has(entry.id)) listener.finish()
      else listener.close()
    }, LOOK_FOR_RENAMED_MS)
    this.#renamed.set(listener, timer)
  }

  /**
   * A worker that has left may have removed the file, under those who serve on. Unless somebody
   * else has the name now, it is put back. One that was renamed is where the app wants it.
   */
  #keepInPlace(entry: TableEntry): void {
    if (this.#stopped || !this.#entries.has(entry.id) || entry.members.size === 0 || entry.listener.hasFile) return
    try {
      this.#putInPlace(entry)
    } catch (error) {
      if (!isTaken(error)) this.#options.onError(error as NodeDlbError)
    }
  }

  #setListener(entry: TableEntry, listener: ListenerSocket): void {
    entry.listener = listener
    this.#changed(entry)
    this.#setAccepting(entry)
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
    this.#changed(entry)
  }

  /** Its workers are to hear of its route. */
  #changed(entry: TableEntry): void {
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
    this.#bindUnbound(entry)
  }
}

/** @throws ERR_DLB_LISTEN */
function openListener(
  id: number,
  request: ListenRequest,
  { deferAccept }: ListenerSettings,
  { onBatch, onShed, onError }: ListenerTableOptions,
): Listener {
  const { address, port, backlog, ipv6Only, reusePort, noDelay } = request
  const common = { backlog: backlog > 0 ? backlog : DEFAULT_BACKLOG, ipv6Only, reusePort, noDelay, deferAccept }
  const where = port === -1 ? { address: null, port: 0, path: address ?? '' } : { address, port }
  return Listener.open(id, { ...where, ...common }, (fds, count) => onBatch(id, fds, count), { onShed, onError })
}

/** What it was asked for, on the port that it has. */
function asBound({ asked, address }: TableEntry): ListenRequest {
  return typeof address === 'string' ? asked : { ...asked, port: address.port }
}

function isTaken(error: unknown): boolean {
  return error instanceof NodeDlbError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE'
}

function refusal(error: unknown, { address, port }: ListenRequest): Reply {
  if (!(error instanceof NodeDlbError)) throw error
  const { errno, code, syscall } = (error.cause ?? {}) as NodeJS.ErrnoException
  if (error.code !== 'ERR_DLB_LISTEN' || errno === undefined) {
    return { type: 'refused', code: error.code, message: error.message }
  }
  // As Node: whatever else goes wrong with '::' makes it try '0.0.0.0', which is what its error
  // names then.
  const fallen = port !== -1 && code !== 'EADDRINUSE' && syscall !== 'listen'
  return { type: 'failed', errno, address: address ?? (fallen ? '0.0.0.0' : '::') }
}

function addressText({ listener: { address } }: TableEntry): string {
  return typeof address === 'string' ? address : (address as AddressInfo).address
}
