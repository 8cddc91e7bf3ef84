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
import type { Listener } from './listener.ts'
import { ListenerOpener, type ListenerPlanner } from './opener.ts'
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
export class ListenerTable implements ListenerPlanner {
  readonly accepting: ListenerAccepting
  readonly #options: ListenerTableOptions
  readonly #registry = new ListenerRegistry()
  readonly #opener: ListenerOpener
  readonly #files: SocketFiles
  readonly #updates: RouteUpdates
  #domain: ConnectionDomain
  /** Counts the domains. */
  #domainNumber = 0
  #queues: QueuePool<Listener>
  #stopped = false

  constructor(options: ListenerTableOptions) {
    this.#options = options
    this.#domain = options.domain
    this.accepting = new ListenerAccepting(this.#registry, options.acceptMode, options.workersMayAccept)
    this.#updates = new RouteUpdates({
      routeOf: (listener) => this.#routeOf(listener),
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
    for (const listener of this.listeners()) this.#membersChanged(listener)
  }

  routes(): Routes {
    return this.listeners().map((listener) => [listener.id, this.#routeOf(listener)] as const)
  }

  /** The queues that the worker's port has to have links to. */
  linksOf(worker: number): Links {
    return { domainNumber: this.#domainNumber, revision: this.#updates.revision, queues: this.#queues.linksOf(worker) }
  }

  get(id: number): Listener | undefined {
    return this.#registry.get(id)
  }

  listeners(): Listener[] {
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
    let listener: Listener
    try {
      listener = this.#opener.findOrOpen(worker, request)
      // An app that listens twice on one address gets this error on a single thread, too.
      if (listener.members.has(worker)) return { type: 'failed', errno: EADDRINUSE, address: addressText(listener) }
      this.#files.putInPlace(listener)
    } catch (error) {
      return refusal(error, request)
    }
    listener.members.add(worker)
    listener.awaited.delete(worker)
    listener.ticketKeys ??= request.ticketKeys
    this.#membersChanged(listener)
    const { id, address, socket, ticketKeys, noDelay } = listener
    const { fd } = socket
    const [route, links] = [this.#routeOf(listener), this.linksOf(worker)]
    return { type: 'listening', listener: id, route, links, address, fd, noDelay, ticketKeys }
  }

  leave(worker: number, id: number): void {
    const listener = this.#registry.get(id)
    if (!listener?.members.delete(worker)) return
    this.#membersChanged(listener)
    this.#files.keepInPlaceAfterLeaving(listener)
  }

  /** Called when a worker has died whose successor will listen again. */
  workerDied(worker: number): void {
    this.#queues.forget(worker)
    this.#opener.forget(worker)
    for (const listener of this.listeners()) {
      if (!listener.members.delete(worker)) continue
      listener.awaited.add(worker)
      this.#membersChanged(listener)
      this.#files.keepInPlace(listener)
    }
  }

  /** Called when a worker has ended that has no successor. */
  workerFinished(worker: number): void {
    this.#queues.forget(worker)
    this.#opener.forget(worker)
    for (const listener of this.listeners()) {
      listener.members.delete(worker)
      listener.awaited.delete(worker)
      this.#membersChanged(listener)
      this.#files.keepInPlace(listener)
    }
  }

  /** Called when a worker has become eligible, or has stopped being so. */
  eligibilityChanged(): void {
    for (const listener of this.listeners()) this.#workersChanged(listener)
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
    for (const { socket, members, policy } of this.listeners()) {
      if (isOwnAccepting(policy.name)) socket.leaveToOthers()
      else if (finish && members.size > 0) socket.acceptRestAndClose()
      else socket.close()
    }
  }

  #routeOf(listener: Listener): Route {
    const { queue, policy, priority, revision, settings } = listener
    const { completion } = policy
    const { proxyProtocol } = settings
    const accept = this.accepting.routeOf(listener)
    return { domainNumber: this.#domainNumber, queue, priority, completion, accept, proxyProtocol, revision }
  }

  policyFor(wanted: PolicyName): Policy {
    return this.#domain.policyFor(wanted)
  }

  socketChanged(listener: Listener): void {
    this.#updates.routeChanged(listener)
    this.accepting.update(listener)
  }

  #membersChanged(listener: Listener): void {
    if (listener.members.size === 0 && listener.awaited.size === 0) {
      this.#close(listener)
      return
    }
    this.#place(listener)
    this.#workersChanged(listener)
  }

  /** Updates what depends on which workers may be dealt the listener's connections. */
  #workersChanged(listener: Listener): void {
    const { eligibility } = this.#options
    const workers = [...listener.members].filter((worker) => eligibility.isEligible(worker)).sort((a, b) => a - b)
    listener.workers = workers
    listener.directedQueues =
      listener.policy.kind === 'directed' ? workers.map((worker) => this.#domain.directedQueues[worker]) : []
    listener.turn %= Math.max(1, workers.length)
    this.accepting.update(listener)
    if (listener.served && listener.unserved.length > 0) this.#options.host.served(listener.unserved.splice(0))
  }

  #place(listener: Listener): void {
    const policy = this.#domain.policyFor(listener.settings.policy)
    if (policy.kind === 'load-balanced' && listener.members.size > 0) {
      this.#queues.place(listener)
      return
    }
    this.#queues.remove(listener)
    this.#setRoute(listener, policy, null)
  }

  #createPool(): QueuePool<Listener> {
    return new QueuePool<Listener>({
      domain: this.#domain,
      onMoved: (listener, queue) => this.#onMoved(listener, queue),
      onLinks: (worker) => this.#updates.linksChanged(worker),
    })
  }

  #onMoved(listener: Listener, queue: QueueId | null): void {
    const { policies } = this.#domain
    const isWithout = queue === null && listener.members.size > 0
    this.#setRoute(listener, isWithout ? policies.inTurn : this.#domain.policyFor(listener.settings.policy), queue)
    this.#workersChanged(listener)
  }

  #setRoute(listener: Listener, policy: Policy, queue: QueueId | null): void {
    if (queue?.id === listener.queue?.id && policy === listener.policy) return
    listener.queue = queue
    listener.policy = policy
    this.#updates.routeChanged(listener)
  }

  #close(listener: Listener): void {
    if (!this.#registry.remove(listener)) return
    listener.closed = true
    listener.socket.close()
    this.#queues.remove(listener)
    this.#updates.forget(listener)
    this.accepting.freeCounter(listener)
    this.#options.host.closed(listener)
    this.#opener.bindUnbound(listener)
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

function addressText({ address }: Listener): string {
  return typeof address === 'string' ? address : (address as AddressInfo).address
}
