import net from 'node:net'
import { NodeDlbError } from '../errors.ts'

/**
 * The internal parts of Node that adoption depends on, as node:cluster does. They are undocumented,
 * so they are looked up once at the start, and a Node without them is reported then instead of
 * failing in the middle of a connection.
 */

/** Node's native stream handle (TCPWrap, PipeWrap): the members that are used here. */
export interface StreamHandle {
  /** The descriptor; negative if the handle is not open. */
  readonly fd: number
  open(fd: number): number
  listen(backlog: number): number
  close(callback?: () => void): void
  ref(): void
  unref(): void
  getAsyncId(): number
  /** Closes with RST. TCP only. */
  reset?(callback?: () => void): number
  /** TCP only. */
  setNoDelay?(on: boolean): number
}

export interface StreamHandleConstructor {
  new (type: number): StreamHandle
  readonly prototype: StreamHandle
}

/** `net.Server.prototype._listen2`, in which every form of `listen()` ends. */
export type Listen2 = (
  this: net.Server,
  address: string | null,
  port: number | null,
  addressType: number | null,
  backlog: number | undefined,
  fd: number | undefined,
  flags: number | undefined,
) => void

export interface ServerInternals {
  _listen2: Listen2
  _handle: object | null
  readonly noDelay?: boolean
}

/** The type argument of `new TCP()` and `new Pipe()`. */
export const NEW_SOCKET = 0
export const NEW_SERVER = 1

/**
 * Finds the class of a socket's handle. A socket that connects gets its handle at once; the socket
 * is destroyed before anything is sent.
 */
function handleOf(options: net.NetConnectOpts): StreamHandleConstructor {
  const socket = new net.Socket()
  socket.on('error', () => undefined)
  socket.connect(options)
  const { _handle: handle } = socket as unknown as { _handle: (StreamHandle & { constructor: unknown }) | null }
  // An unref'd handle is not among the active handles when the app begins.
  handle?.unref()
  socket.destroy()
  if (typeof handle?.open !== 'function' || typeof handle.close !== 'function') throw internalsGone('handle.open')
  return handle.constructor as StreamHandleConstructor
}

/**
 * The class of TCP handles. Node connects to an address on its next tick, and the socket is
 * destroyed before that, so there is no traffic. (A name, which Node would have to look up, costs 4
 * ms of each worker's start: Node matches it against a long expression for IPv6 addresses.)
 */
export function findTcp(): StreamHandleConstructor {
  return handleOf({ port: 1, host: '127.0.0.1' })
}

/** The class of Unix socket handles. No server can listen at a path inside /dev/null. */
export function findPipe(): StreamHandleConstructor {
  return handleOf({ path: '/dev/null/node-dlb' })
}

/** @throws ERR_DLB_NODE_INTERNALS */
export function serverPrototype(): ServerInternals {
  const prototype = net.Server.prototype as unknown as ServerInternals
  if (typeof prototype._listen2 !== 'function') throw internalsGone('net.Server.prototype._listen2')
  return prototype
}

/** Whether Node sets TCP_NODELAY on the server's connections, as HTTP servers ask. */
export function wantsNoDelay(server: net.Server): boolean {
  return (server as unknown as ServerInternals).noDelay === true
}

/**
 * Methods that only TCP has and that a subclass may define. Node tests whether a handle has them.
 */
const OF_TCP_ONLY = ['reset', 'setNoDelay']

/** Makes a subclass look like Node's own class, even to code that asks for `handle.constructor`. */
export function hideClass(prototype: object, base: object): void {
  Reflect.deleteProperty(prototype, 'constructor')
  for (const name of OF_TCP_ONLY) if (!(name in base)) Reflect.deleteProperty(prototype, name)
}

/** Finds one of Node's own symbols, which are not registered. */
export function findSymbol(owner: object, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(owner).find(({ description }) => description === name)
}

export function internalsGone(what: string): NodeDlbError {
  return new NodeDlbError(
    'ERR_DLB_NODE_INTERNALS',
    `this Node (${process.version}) has no ${what}, which node-dlb needs; ` +
      "use a Node version that node-dlb's README lists, or a newer node-dlb",
  )
}
