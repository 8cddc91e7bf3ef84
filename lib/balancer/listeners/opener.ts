import { NodeDlbError } from '../../errors.ts'
import { ListeningSocket } from '../../net/listening-socket.ts'
import type { ListenRequest } from '../../protocol.ts'
import type { Policy } from '../dispatch/policies/index.ts'
import type { PolicyName } from '../dispatch/policies/names.ts'
import type { ListenerAccepting } from './accepting.ts'
import { canonical, excludes, isSame, isSameHost, overlaps } from './addresses.ts'
import { ChosenPorts } from './chosen-ports.ts'
import type { ListenerHost } from './host.ts'
import { TableEntry } from './listener.ts'
import type { ListenerRegistry } from './registry.ts'
import type { ListenerSettings, ListenerSettingsTable } from './settings.ts'
import { type ListenerSocket, UnboundListener } from './unbound-socket.ts'

/** The backlog that Node asks for by default. */
const DEFAULT_BACKLOG = 511

/** What the opener asks the table. */
export interface EntryPlanner {
  policyFor(wanted: PolicyName): Policy
  readonly accepting: Pick<ListenerAccepting, 'takeCounter'>
  /** The entry has another socket than before. */
  socketChanged(entry: TableEntry): void
}

/**
 * Finds the listener that a `listen()` in a worker refers to, or opens it. addresses.ts decides, as
 * the kernel does, which addresses are the same. Main thread.
 */
export class ListenerOpener {
  readonly #registry: ListenerRegistry
  readonly #settings: ListenerSettingsTable
  readonly #planner: EntryPlanner
  readonly #host: ListenerHost
  readonly #chosen = new ChosenPorts()

  constructor(registry: ListenerRegistry, settings: ListenerSettingsTable, planner: EntryPlanner, host: ListenerHost) {
    this.#registry = registry
    this.#settings = settings
    this.#planner = planner
    this.#host = host
  }

  /** @throws ERR_DLB_LISTEN, ERR_DLB_NO_RESOURCES */
  findOrOpen(worker: number, request: ListenRequest): TableEntry {
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
  bindUnbound(closed: TableEntry): void {
    for (const entry of this.#registry.all()) {
      if (!(entry.listener instanceof UnboundListener) || !overlaps(closed, asBound(entry))) continue
      try {
        entry.listener = this.openSocket(entry.id, asBound(entry), entry.settings)
        this.#planner.socketChanged(entry)
        this.#host.opened(entry)
      } catch (error) {
        if (!isTaken(error)) this.#host.failed(error as NodeDlbError)
      }
    }
  }

  /**
   * The listener whose address the kernel would treat as the requested one; or a listener of this
   * worker that excludes the request, even if it is not bound.
   */
  #find(worker: number, request: ListenRequest): TableEntry | undefined {
    const entries = this.#registry.all()
    const inTheWay = entries.find((entry) => entry.members.has(worker) && excludes(entry, request))
    return inTheWay ?? entries.find((entry) => isSame(entry, request) && !entry.members.has(worker))
  }

  /**
   * Finds or opens a listener on a port that the kernel chooses. A port that the kernel has chosen
   * before for another worker comes first (see ChosenPorts).
   */
  #findOrOpenAny(worker: number, request: ListenRequest): TableEntry {
    const host = `${request.address ?? '*'} ${request.ipv6Only}`
    const entry = this.#findAny(worker, request, host) ?? this.#open(worker, request)
    if (typeof entry.address === 'object') this.#chosen.took(worker, host, entry.address.port)
    return entry
  }

  #findAny(worker: number, request: ListenRequest, host: string): TableEntry | undefined {
    const isFree = ({ members }: TableEntry): boolean => !members.has(worker)
    const open = this.#registry
      .all()
      .find((entry) => entry.asked.port === 0 && isSameHost(entry, request) && isFree(entry))
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

  #tryToOpen(worker: number, request: ListenRequest, port: number): TableEntry | undefined {
    try {
      return this.#open(worker, request, port)
    } catch (error) {
      if (isTaken(error)) return undefined
      throw error
    }
  }

  #open(worker: number, request: ListenRequest, port = request.port): TableEntry {
    const settings = this.#settings.find(request.address, request.port)
    const policy = this.#planner.policyFor(settings.policy)
    const id = this.#registry.nextId()
    const listener = this.#bind(id, worker, { ...request, port }, settings)
    const acceptCounter = this.#planner.accepting.takeCounter(policy)
    const entry = new TableEntry(id, listener, { asked: request, settings, policy, acceptCounter })
    this.#registry.add(entry)
    if (listener instanceof ListeningSocket) this.#host.opened(entry)
    return entry
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
      const others = this.#registry.all().filter((entry) => overlaps(entry, request))
      if (!isTaken(error) || others.length === 0 || others.some(({ members }) => members.has(worker))) throw error
      const address = canonical(request.address ?? '::')
      return new UnboundListener({ address, family: address.includes(':') ? 'IPv6' : 'IPv4', port: request.port })
    }
  }
}

/** The request, on the port that the listener has. */
function asBound({ asked, address }: TableEntry): ListenRequest {
  return typeof address === 'string' ? asked : { ...asked, port: address.port }
}

/** Whether a bind failed because others have the address. */
export function isTaken(error: unknown): boolean {
  return error instanceof NodeDlbError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE'
}
