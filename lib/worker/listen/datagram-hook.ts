import dgram from 'node:dgram'
import { loadAddon } from '../../native.ts'
import { type UdpHandle, udpStateOf } from '../../udp-internals.ts'
import type { Control } from '../control.ts'

type Bind = typeof dgram.Socket.prototype.bind

/** libuv's flags UV_UDP_IPV6ONLY and UV_UDP_REUSEADDR, which Node passes to `handle.bind`. */
const IPV6_ONLY = 1
const REUSE_ADDR = 4
const EADDRINUSE = -98
/**
 * Milliseconds after which a worker that only reads datagrams, and does not listen, counts as
 * started.
 */
const WITHOUT_SERVER_MS = 500

/**
 * Makes `socket.bind()` share the socket with the other workers (see Datagrams), as node:cluster
 * does. Exempt are sockets with `exclusive: true` (Node itself binds a socket that sends or
 * connects first in this way), with `reusePort`, and on a given descriptor. Node's own code checks
 * the arguments, looks the name up, and calls `handle.bind`; only that method is replaced. The
 * replacement opens the handle on a duplicate of the shared socket.
 */
export class DatagramHook {
  readonly #control: Control
  /** The methods that the handles had. */
  readonly #binds = new WeakMap<UdpHandle, UdpHandle['bind']>()

  constructor(control: Control) {
    this.#control = control
  }

  install(): void {
    const hook = this
    const { prototype } = dgram.Socket
    const { bind } = prototype
    prototype.bind = function (this: dgram.Socket, ...args: unknown[]) {
      hook.#prepare(this, args[0])
      return Reflect.apply(bind as (...args: unknown[]) => dgram.Socket, this, args)
    } as Bind
  }

  #prepare(socket: dgram.Socket, target: unknown): void {
    const { handle, reusePort } = udpStateOf(socket)
    // The socket is closed, or Node reports what is wrong.
    if (!handle) return
    const bind = this.#binds.get(handle) ?? handle.bind
    this.#binds.set(handle, bind)
    handle.bind = isShared(target) && !reusePort ? this.#sharedBind(handle, socket) : this.#ownBind(handle, bind)
  }

  /** A socket that asks for a certain port is a server's. */
  #ownBind(handle: UdpHandle, bind: UdpHandle['bind']): UdpHandle['bind'] {
    return (address, port, flags) => {
      const error = bind.call(handle, address, port, flags)
      if (error === 0 && port !== 0) this.#announce()
      return error
    }
  }

  #sharedBind(handle: UdpHandle, { type: family }: dgram.Socket & { type?: dgram.SocketType }): UdpHandle['bind'] {
    return (address, port, flags) => {
      const [ipv6Only, reusePort] = [(flags & IPV6_ONLY) !== 0, (flags & REUSE_ADDR) !== 0]
      const request = { type: 'bind', address, port, family: family ?? 'udp4', ipv6Only, reusePort, flags } as const
      const reply = this.#control.call(request)
      if (reply.type === 'failed') return reply.errno
      if (reply.type !== 'bound') throw new TypeError(`'${reply.type}' does not answer 'bind'`)
      const error = open(handle, reply.fd)
      const leave = (): unknown => this.#control.call({ type: 'unbind', socket: reply.socket })
      if (error !== 0) {
        leave()
        return error
      }
      const { close } = handle
      handle.close = (callback) => {
        // The duplicate closes first, so that the address is free once main has closed the socket.
        close.call(handle, callback)
        leave()
      }
      shareMemberships(handle)
      this.#announce()
      return 0
    }
  }

  #announce(): void {
    const tell = (): void => this.#control.post({ type: 'listening', thread: loadAddon().thisThread() })
    setTimeout(tell, WITHOUT_SERVER_MS).unref()
  }
}

function isShared(target: unknown): boolean {
  if (typeof target !== 'object' || target === null) return true
  const { exclusive, fd, recvStart } = target as { exclusive?: unknown; fd?: unknown; recvStart?: unknown }
  return !exclusive && typeof fd !== 'number' && typeof recvStart !== 'function'
}

/** @returns 0 or a negative errno */
function open(handle: UdpHandle, shared: number): number {
  const { closeFd, dupFd } = loadAddon()
  const fd = dupFd(shared)
  if (fd < 0) return fd
  const error = handle.open(fd)
  if (error !== 0) closeFd(fd)
  return error
}

/**
 * Makes memberships shared: the socket joins a group for all workers. A worker that asks for a
 * group after another worker is a member already.
 */
function shareMemberships(handle: UdpHandle): void {
  const joined = new Set<string>()
  const shared =
    (join: (...args: string[]) => number) =>
    (...args: string[]): number => {
      const error = join.apply(handle, args)
      const group = args.join(' ')
      if (error !== 0 && (error !== EADDRINUSE || joined.has(group))) return error
      joined.add(group)
      return 0
    }
  handle.addMembership = shared(handle.addMembership as (...args: string[]) => number)
  handle.addSourceSpecificMembership = shared(handle.addSourceSpecificMembership as (...args: string[]) => number)
}
