import type { AddressInfo } from 'node:net'
import type { QueueId } from '../../device/device.ts'
import { NodeDlbError } from '../../errors.ts'
import type { AcceptMode } from '../../ledger/accept-mode.ts'
import type { Links, ListenRequest, Reply, Route, Routes } from '../../protocol.ts'
import type { ConnectionDomain } from '../dispatch/connection-domain.ts'
import type { Policy } from '../dispatch/policies/index.ts'
import { isOwnAccepting, type PolicyName } from '../dispatch/policies/names.ts'
import type { Eligibility } from '../workers/eligibility.ts'
import { ListenerAccepting } from './accepting.ts'
import type { ListenerHost } from './host.ts'
import type { TableEntry } from './listener.ts'
import { type EntryPlanner, ListenerOpener } from './opener.ts'
import { QueuePool } from './queue-pool.ts'
import { ListenerRegistry } from './registry.ts'
import { RouteUpdates } from './route-updates.ts'
import type { ListenerSettingsTable } from './settings.ts'
import { SocketFiles } from './socket-files.ts'

const EADDRINUSE = -98

export interface ListenerTableOptions {
  readonly domain: ConnectionDomain
  readonly eligibility: Eligibility
  readonly settings: ListenerSettingsTable
  readonly acceptMode: AcceptMode
  /**
   * Whether workers may accept instead of main from listeners whose connections the device
   * distributes.
   */
  readonly workersMayAccept: boolean
  readonly host: ListenerHost
}

/**
 * The balancer's listening sockets. All workers that listen on the same address share a socket: the
 * first opens it, and it closes with the last. A listener does not accept while no worker serves it
 * (its workers died and respawn, or are held), or while credits have run out; the kernel's backlog
 * holds what arrives. Under the policy `nop` main never accepts: the workers do.
 *
 * Main thread.
 */
export class ListenerTable implements EntryPlanner {
  readonly accepting: ListenerAccepting
  readonly #options: ListenerTableOptions
  readonly #registry = new ListenerRegistry()
  readonly #opener: ListenerOpener
  readonly #files: SocketFiles
  readonly #updates: RouteUpdates
  #domain: ConnectionDomain
  /** Counts the domains. */
  #domainNumber = 0
  #queues: QueuePool<TableEntry>
  #stopped = false

  constructor(options: ListenerTableOptions) {
    this.#options = options
    this.#domain = options.domain
    this.accepting = new ListenerAccepting(this.#registry, options.acceptMode, options.workersMayAccept)
    this.#updates = new RouteUpdates({
      routeOf: (entry) => this.#routeOf(entry),
      tell: (worker, routes) => options.host.rerouted(worker, this.linksOf(worker), routes),
    })
    this.#opener = new ListenerOpener(this.#registry, options.settings, this, options.host)
    this.#files = new SocketFiles(this.#opener, this, options.host)
    this.#queues = this.#createPool()
  }

  get domainNumber(): number {
    return this.#domainNumber
  }

  /** Replaces the domain that has failed: listeners get their queues from this one. */
  connect(domain: ConnectionDomain): void {
    this.#domain = domain
    this.#domainNumber++
    this.#queues.close()
    this.#queues = this.#createPool()
    for (const entry of this.entries()) this.#membersChanged(entry)
  }

  routes(): Routes {
    return this.entries().map((entry) => [entry.id, this.#routeOf(entry)] as const)
  }

  /** The queues that the worker's port has to have links to. */
  linksOf(worker: number): Links {
    return { domainNumber: this.#domainNumber, revision: this.#updates.revision, queues: this.#queues.linksOf(worker) }
  }

  get(id: number): TableEntry | undefined {
    return this.#registry.get(id)
  }

  entries(): TableEntry[] {
    return this.#registry.all()
  }

  /** Whether the worker has a server. */
  serves(worker: number): boolean {
    return this.#registry.serves(worker)
  }

  /** @see ListenerRegistry.listenerOf */
  listenerOf(fd: number): number | undefined {
    return this.#registry.listenerOf(fd)
  }

  /** @see ListenerRegistry.isOthersPath */
  isOthersPath(worker: number, path: string): boolean {
    return this.#registry.isOthersPath(worker, path)
  }

  join(worker: number, request: ListenRequest): Reply {
    if (this.#stopped) return { type: 'refused', code: 'ERR_DLB_CLOSED', message: 'the balancer is closing' }
    let entry: TableEntry
    try {
      entry = this.#opener.findOrOpen(worker, request)
      // An app that listens twice on one address gets this error on a single thread, too.
      if (entry.members.has(worker)) return { type: 'failed', errno: EADDRINUSE, address: addressText(entry) }
      this.#files.putInPlace(entry)
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
    const entry = this.#registry.get(id)
    if (!entry?.members.delete(worker)) return
    this.#membersChanged(entry)
    this.#files.keepInPlaceAfterLeaving(entry)
  }

  /** Called when a worker has died whose successor will listen again. */
  workerDied(worker: number): void {
    this.#queues.forget(worker)
    this.#opener.forget(worker)
    for (const entry of this.entries()) {
      if (!entry.members.delete(worker)) continue
      entry.awaited.add(worker)
      this.#membersChanged(entry)
      this.#files.keepInPlace(entry)
    }
  }

  /** Called when a worker has ended that has no successor. */
  workerFinished(worker: number): void {
    this.#queues.forget(worker)
    this.#opener.forget(worker)
    for (const entry of this.entries()) {
      entry.members.delete(worker)
      entry.awaited.delete(worker)
      this.#membersChanged(entry)
      this.#files.keepInPlace(entry)
    }
  }

  /** Called when a worker has become eligible, or has stopped being so. */
  eligibilityChanged(): void {
    for (const entry of this.entries()) this.#workersChanged(entry)
  }

  /**
   * Stops accepting for good. The entries stay, because what was accepted is still dealt to their
   * workers.
   *
   * @param finish whether connections that wait in the backlogs are accepted first: their clients
   *   may have sent requests already. A socket that workers accept from stays open in them, until
   *   they close it.
   */
  stopListening(finish: boolean): void {
    this.#stopped = true
    this.accepting.stop()
    this.#files.stop(finish)
    for (const { listener, members, policy } of this.entries()) {
      if (isOwnAccepting(policy.name)) listener.leaveToOthers()
      else if (finish && members.size > 0) listener.finish()
      else listener.close()
    }
  }

  #routeOf(entry: TableEntry): Route {
    const { queue, policy, priority, revision, settings } = entry
    const { completion } = policy
    const { proxyProtocol } = settings
    const accept = this.accepting.routeOf(entry)
    return { domainNumber: this.#domainNumber, queue, priority, completion, accept, proxyProtocol, revision }
  }

  policyFor(wanted: PolicyName): Policy {
    return this.#domain.policyFor(wanted)
  }

  socketChanged(entry: TableEntry): void {
    this.#updates.routeChanged(entry)
    this.accepting.update(entry)
  }

  #membersChanged(entry: TableEntry): void {
    if (entry.members.size === 0 && entry.awaited.size === 0) {
      this.#close(entry)
      return
    }
    this.#place(entry)
    this.#workersChanged(entry)
  }

  /** Updates what depends on which workers may be dealt the listener's connections. */
  #workersChanged(entry: TableEntry): void {
    const { eligibility } = this.#options
    const workers = [...entry.members].filter((worker) => eligibility.isEligible(worker)).sort((a, b) => a - b)
    entry.workers = workers
    entry.directQueues =
      entry.policy.kind === 'directed' ? workers.map((worker) => this.#domain.directQueues[worker]) : []
    entry.turn %= Math.max(1, workers.length)
    this.accepting.update(entry)
    if (entry.served && entry.unserved.length > 0) this.#options.host.served(entry.unserved.splice(0))
  }

  #place(entry: TableEntry): void {
    const policy = this.#domain.policyFor(entry.settings.policy)
    if (policy.kind === 'load-balanced' && entry.members.size > 0) {
      this.#queues.place(entry)
      return
    }
    this.#queues.remove(entry)
    this.#setRoute(entry, policy, null)
  }

  #createPool(): QueuePool<TableEntry> {
    return new QueuePool<TableEntry>({
      domain: this.#domain,
      onMoved: (entry, queue) => this.#onMoved(entry, queue),
      onLinks: (worker) => this.#updates.linksChanged(worker),
    })
  }

  #onMoved(entry: TableEntry, queue: QueueId | null): void {
    const { policies } = this.#domain
    const isWithout = queue === null && entry.members.size > 0
    this.#setRoute(entry, isWithout ? policies.inTurn : this.#domain.policyFor(entry.settings.policy), queue)
    this.#workersChanged(entry)
  }

  #setRoute(entry: TableEntry, policy: Policy, queue: QueueId | null): void {
    if (queue?.id === entry.queue?.id && policy === entry.policy) return
    entry.queue = queue
    entry.policy = policy
    this.#updates.routeChanged(entry)
  }

  #close(entry: TableEntry): void {
    if (!this.#registry.remove(entry)) return
    entry.closed = true
    entry.listener.close()
    this.#queues.remove(entry)
    this.#updates.forget(entry)
    this.accepting.freeCounter(entry)
    this.#options.host.closed(entry)
    this.#opener.bindUnbound(entry)
  }
}

function refusal(error: unknown, { address, port }: ListenRequest): Reply {
  if (!(error instanceof NodeDlbError)) throw error
  const { errno, code, syscall } = (error.cause ?? {}) as NodeJS.ErrnoException
  if (error.code !== 'ERR_DLB_LISTEN' || errno === undefined) {
    return { type: 'refused', code: error.code, message: error.message }
  }
  // Unless the port is taken or listen() failed, Node tries '0.0.0.0' after '::', and names that
  // address in its error.
  const fallen = port !== -1 && code !== 'EADDRINUSE' && syscall !== 'listen'
  return { type: 'failed', errno, address: address ?? (fallen ? '0.0.0.0' : '::') }
}

function addressText({ listener: { address } }: TableEntry): string {
  return typeof address === 'string' ? address : (address as AddressInfo).address
}
