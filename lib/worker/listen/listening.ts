import type { Server } from 'node:net'
import { type ErrorCode, NodeDlbError } from '../../errors.ts'
import type { Connection } from '../../ledger/ledger.ts'
import { loadAddon } from '../../native.ts'
import type { Links, ListenRequest, Reply, Route, Routes } from '../../protocol.ts'
import type { WorkerDomain } from '../connections/worker-domain.ts'
import type { Control } from '../control.ts'
import { findPipe, type StreamHandleConstructor } from '../node-handles.ts'
import {
  type ListenerMembership,
  type ListenHandle,
  type ListenHandleConstructor,
  listenHandleClass,
} from './listen-handle.ts'
import type { Member, Members } from './member.ts'
import { useTicketKeys } from './ticket-keys.ts'

const EBADF = -9

/** A listen handle for a server, and the address with which Node's own code continues. */
export interface Opened {
  readonly handle: ListenHandle
  readonly address: string | null
  readonly addressType: number
}

type Bound = Extract<Reply, { type: 'listening' }>
type Failure = Pick<Extract<Reply, { type: 'failed' }>, 'errno' | 'address'>

/**
 * The servers of this worker that listen, by the id of their listener.
 *
 * Their connections come through the domain. While there is none (the device has failed, and main
 * has not sent the next link), servers join later; the same holds for routes that belong to the
 * next domain.
 */
export class Listening implements Members {
  readonly #members = new Map<number, Member>()
  readonly #routes = new Map<number, Route>()
  readonly #classes = new Map<StreamHandleConstructor, ListenHandleConstructor>()
  /** The listeners that keep the worker's loop alive. */
  readonly #holders = new Set<number>()
  readonly #control: Control
  readonly #Tcp: StreamHandleConstructor
  readonly #onListening: (path: string | null) => void
  #Pipe: StreamHandleConstructor | undefined
  #domain: WorkerDomain | null = null
  #domainNumber = 0
  /** The links with the greatest revision so far. */
  #links: Links | null = null

  /** @param onListening is called each time a server listens, with its path if it has one */
  constructor(control: Control, Tcp: StreamHandleConstructor, onListening: (path: string | null) => void) {
    this.#control = control
    this.#onListening = onListening
    this.#Tcp = Tcp
  }

  /** Makes connections come through this domain, of the link's number, from now on. */
  connect(domain: WorkerDomain | null, domainNumber: number, links: Links | null, routes: Routes): void {
    this.#domain?.close()
    this.#domain = domain
    this.#domainNumber = domainNumber
    for (const [listener, route] of routes) this.#routes.set(listener, route)
    for (const listener of this.#members.keys()) this.#join(listener)
    this.#relink(links)
  }

  reroute(links: Links, routes: Routes): void {
    for (const [listener, route] of routes) {
      const known = this.#routes.get(listener)
      if (!known || known.revision >= route.revision) continue
      this.#routes.set(listener, route)
      if (this.#members.has(listener)) this.#join(listener)
    }
    this.#relink(links)
  }

  /** Called when workers accept from now on. */
  workersAccept(): void {
    this.#domain?.workersAccept()
  }

  /**
   * Adopts a connection for this worker's directed queue. Without a domain, the device has failed,
   * and main deals the connections that were not adopted again.
   */
  receive(connection: Connection): void {
    this.#domain?.receive(connection)
  }

  shareAmong(workers: number): void {
    this.#domain?.shareAmong(workers)
  }

  find(listener: number): Member | undefined {
    return this.#members.get(listener)
  }

  servers(): Server[] {
    return [...this.#members.values()].flatMap((member) => member.servers)
  }

  /** Called when the server was given another server's handle, which may be one of ours. */
  takeOver(server: Server, handle: object | null): void {
    const member = [...this.#members.values()].find((member) => member.handle === handle)
    member?.servers.push(server)
  }

  /**
   * Binds the address, or joins a listener that another worker has bound. If the bind fails, the
   * handle is one whose `listen` fails, so that Node makes its own error.
   * @throws ERR_DLB_NO_RESOURCES, ERR_DLB_TIMEOUT
   */
  open(server: Server, request: ListenRequest): Opened {
    const Handle = request.port === -1 ? this.#pipe() : this.#Tcp
    const reply = this.#control.call(request)
    if (reply.type === 'listening') return this.#opened(server, Handle, request, reply)
    if (reply.type === 'failed') return this.#failed(Handle, request, reply)
    if (reply.type === 'refused') throw new NodeDlbError(reply.code as ErrorCode, reply.message)
    throw new TypeError(`'${reply.type}' does not answer 'listen'`)
  }

  #opened(server: Server, Handle: StreamHandleConstructor, request: ListenRequest, reply: Bound): Opened {
    const { listener, route, links, address, ticketKeys } = reply
    useTicketKeys(server, ticketKeys)
    this.#routes.set(listener, route)
    this.#relink(links)
    const handle = new (this.#classFor(Handle))(this.#membership(server, Handle, reply))
    const error = openOn(handle, reply)
    if (error !== 0) {
      handle.close()
      return this.#failed(Handle, request, { errno: error, address: request.address })
    }
    if (typeof address === 'string') return { handle, address, addressType: request.addressType }
    return { handle, address: address.address, addressType: address.family === 'IPv6' ? 6 : 4 }
  }

  #failed(Handle: StreamHandleConstructor, { addressType }: ListenRequest, { errno, address }: Failure): Opened {
    const nothing = (): void => undefined
    const handle = new (this.#classFor(Handle))({ join: () => errno, leave: nothing, hold: nothing })
    return { handle, address, addressType }
  }

  #membership(
    server: Server,
    Handle: StreamHandleConstructor,
    { listener, route, noDelay, address }: Bound,
  ): ListenerMembership {
    return {
      join: (handle, accept) => {
        const { proxyProtocol: proxied } = route
        this.#onListening(typeof address === 'string' ? address : null)
        this.#members.set(listener, { servers: [server], handle, accept, Handle, proxied, inheritsNoDelay: noDelay })
        this.#join(listener)
        this.#control.post({ type: 'listening', thread: loadAddon().thisThread() })
        return 0
      },
      leave: () => {
        this.#domain?.leave(listener)
        this.#members.delete(listener)
        this.#routes.delete(listener)
        const reply = this.#control.call({ type: 'leave', listener })
        if (reply.type === 'left') this.#relink(reply.links)
      },
      hold: (held) => this.#hold(listener, held),
    }
  }

  #classFor(Handle: StreamHandleConstructor): ListenHandleConstructor {
    const known = this.#classes.get(Handle) ?? listenHandleClass(Handle)
    this.#classes.set(Handle, known)
    return known
  }

  #hold(listener: number, held: boolean): void {
    if (held) this.#holders.add(listener)
    else this.#holders.delete(listener)
    // The control connection keeps the loop alive, and not the domain, which may be replaced.
    this.#control.hold(this.#holders.size > 0)
  }

  #join(listener: number): void {
    const route = this.#routes.get(listener)
    if (route?.domainNumber === this.#domainNumber) this.#domain?.join(listener, route)
  }

  /**
   * Uses the newest links. Answers overtake messages that were posted before, so links do not
   * always arrive in order. They can also arrive before the domain that they are for.
   */
  #relink(links: Links | null): void {
    if (links && links.revision >= (this.#links?.revision ?? 0)) this.#links = links
    if (this.#links?.domainNumber === this.#domainNumber) this.#domain?.setLinks(this.#links.queues)
  }

  #pipe(): StreamHandleConstructor {
    this.#Pipe ??= findPipe()
    return this.#Pipe
  }
}

/**
 * Opens the handle on the shared socket. The handle has only its address in two cases: there is no
 * socket yet (see UnboundSocket); or main has closed the socket since its answer, because the
 * balancer closes or another socket has replaced it.
 * @returns 0 or a negative errno
 */
function openOn(handle: ListenHandle, { fd, address }: Bound): number {
  const shared = fd < 0 ? EBADF : loadAddon().shareListening(fd)
  if (shared >= 0) return handle.open(shared)
  if (shared !== EBADF) return shared
  const getsockname = (out: object): number => (Object.assign(out, address) ? 0 : -1)
  Object.defineProperty(handle, 'getsockname', { value: getsockname })
  return 0
}
