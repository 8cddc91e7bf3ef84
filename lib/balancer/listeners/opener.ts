import { NodeDlbError } from '../../errors.ts'
import { ListeningSocket } from '../../net/listening-socket.ts'
import type { ListenRequest } from '../../protocol.ts'
import type { Policy } from '../dispatch/policies/index.ts'
import type { PolicyName } from '../dispatch/policies/names.ts'
import type { ListenerAccepting } from './accepting.ts'
import { canonical, excludes, isSame, isSameHost, overlaps } from './addresses.ts'
import { ChosenPorts } from './chosen-ports.ts'
import type { ListenerHost } from './host.ts'
import { Listener } from './listener.ts'
import type { ListenerRegistry } from './registry.ts'
import type { ListenerSettings, ListenerSettingsTable } from './settings.ts'
import { type ListenerSocket, UnboundSocket } from './unbound-socket.ts'

/** The backlog that Node asks for by default. */
const DEFAULT_BACKLOG = 511

/** What the opener asks the table. */
export interface ListenerPlanner {
  policyFor(wanted: PolicyName): Policy
  readonly accepting: Pick<ListenerAccepting, 'takeCounter'>
  /** The listener has another socket than before. */
  socketChanged(listener: Listener): void
}

/**
 * Finds the listener that a `listen()` in a worker refers to, or opens it. addresses.ts decides, as
 * the kernel does, which addresses are the same. Main thread.
 */
export class ListenerOpener {
  readonly #registry: ListenerRegistry
  readonly #settings: ListenerSettingsTable
  readonly #planner: ListenerPlanner
  readonly #host: ListenerHost
  readonly #chosen = new ChosenPorts()

  constructor(
    registry: ListenerRegistry,
    settings: ListenerSettingsTable,
    planner: ListenerPlanner,
    host: ListenerHost,
  ) {
    this.#registry = registry
    this.#settings = settings
    this.#planner = planner
    this.#host = host
  }

  /** @throws ERR_DLB_LISTEN, ERR_DLB_NO_RESOURCES */
  findOrOpen(worker: number, request: ListenRequest): Listener {
    if (request.port === 0) return this.#findOrOpenAny(worker, request)
    return this.#find(worker, request) ?? this.#open(worker, request)
  }

  /** The worker's thread has ended. */
  forget(worker: number): void {
    this.#chosen.forget(worker)
  }

  /** Opens the socket of a listener. @throws ERR_DLB_LISTEN */
  openSocket(id: number, request: ListenRequest, { deferAccept }: ListenerSettings): ListeningSocket {
    const host = this.#host
    const { address, port, backlog, ipv6Only, reusePort, noDelay } = request
    const common = { backlog: backlog > 0 ? backlog : DEFAULT_BACKLOG, ipv6Only, reusePort, noDelay, deferAccept }
    const where = port === -1 ? { address: null, port: 0, path: address ?? '' } : { address, port }
    return ListeningSocket.open(id, { ...where, ...common }, (fds, count) => host.accepted(id, fds, count), {
      onShed: (count) => host.shed(count),
      onError: (error) => host.failed(error),
    })
  }

  /**
   * Binds the listeners that could not be bound while the closed one had an overlapping address.
   */
  bindUnbound(closed: Listener): void {
    for (const listener of this.#registry.all()) {
      if (!(listener.socket instanceof UnboundSocket) || !overlaps(closed, asBound(listener))) continue
      try {
        listener.socket = this.openSocket(listener.id, asBound(listener), listener.settings)
        this.#planner.socketChanged(listener)
        this.#host.opened(listener)
      } catch (error) {
        if (!isTaken(error)) this.#host.failed(error as NodeDlbError)
      }
    }
  }

  /**
   * The listener whose address the kernel would treat as the requested one; or a listener of this
   * worker that excludes the request, even if it is not bound.
   */
  #find(worker: number, request: ListenRequest): Listener | undefined {
    const listeners = this.#registry.all()
    const inTheWay = listeners.find((listener) => listener.members.has(worker) && excludes(listener, request))
    return inTheWay ?? listeners.find((listener) => isSame(listener, request) && !listener.members.has(worker))
  }

  /**
   * Finds or opens a listener on a port that the kernel chooses. A port that the kernel has chosen
   * before for another worker comes first (see ChosenPorts).
   */
  #findOrOpenAny(worker: number, request: ListenRequest): Listener {
    const host = `${request.address ?? '*'} ${request.ipv6Only}`
    const listener = this.#findAny(worker, request, host) ?? this.#open(worker, request)
    if (typeof listener.address === 'object') this.#chosen.took(worker, host, listener.address.port)
    return listener
  }

  #findAny(worker: number, request: ListenRequest, host: string): Listener | undefined {
    const isFree = ({ members }: Listener): boolean => !members.has(worker)
    const open = this.#registry
      .all()
      .find((listener) => listener.asked.port === 0 && isSameHost(listener, request) && isFree(listener))
    for (const { port, isRecent } of this.#chosen.of(worker, host)) {
      // All workers closed the port long ago, so a worker that starts now does not mean this port.
      if (open && !isRecent && asBound(open).port !== port) continue
      const found = this.#find(worker, { ...request, port })
      if (found && isFree(found)) return found
      const opened = found ? undefined : this.#tryToOpen(worker, request, port)
      if (opened) return opened
    }
    return open
  }

  #tryToOpen(worker: number, request: ListenRequest, port: number): Listener | undefined {
    try {
      return this.#open(worker, request, port)
    } catch (error) {
      if (isTaken(error)) return undefined
      throw error
    }
  }

  #open(worker: number, request: ListenRequest, port = request.port): Listener {
    const settings = this.#settings.find(request.address, request.port)
    const policy = this.#planner.policyFor(settings.policy)
    const id = this.#registry.nextId()
    const socket = this.#bind(id, worker, { ...request, port }, settings)
    const acceptCounter = this.#planner.accepting.takeCounter(policy)
    const listener = new Listener(id, socket, { asked: request, settings, policy, acceptCounter })
    this.#registry.add(listener)
    if (socket instanceof ListeningSocket) this.#host.opened(listener)
    return listener
  }

  /**
   * Binds the address. An address that overlaps with another one of the same worker fails, as it
   * does on a single thread. An address that overlaps only with other workers' is bound once those
   * have closed.
   */
  #bind(id: number, worker: number, request: ListenRequest, settings: ListenerSettings): ListenerSocket {
    try {
      return this.openSocket(id, request, settings)
    } catch (error) {
      const others = this.#registry.all().filter((listener) => overlaps(listener, request))
      if (!isTaken(error) || others.length === 0 || others.some(({ members }) => members.has(worker))) throw error
      const address = canonical(request.address ?? '::')
      return new UnboundSocket({ address, family: address.includes(':') ? 'IPv6' : 'IPv4', port: request.port })
    }
  }
}

/** The request, on the port that the listener has. */
function asBound({ asked, address }: Listener): ListenRequest {
  return typeof address === 'string' ? asked : { ...asked, port: address.port }
}

/** Whether a bind failed because others have the address. */
export function isTaken(error: unknown): boolean {
  return error instanceof NodeDlbError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE'
}
