import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { loadAddon } from '../../native.ts'
import { scaled } from '../../time-scale.ts'
import { connectionsOf } from './http1-connections.ts'

type Headers = Record<string, unknown> | readonly unknown[] | null | undefined

/**
 * The undocumented methods that write the head of a response, whether the app has set its headers
 * before or gives them now.
 */
interface Writer {
  _storeHeader(this: Response, firstLine: string, headers: Headers): void
  assignSocket(this: Response, socket: HttpSocket): void
  /** Whether the app has removed the header, so that Node would write none. */
  _removedConnection: boolean
  /** The head of the response, once it is stored. */
  readonly _header: string | null
  /** Whether the connection is closed after the response. */
  _last: boolean
  /** The data that waits until the responses before it are written. */
  readonly outputData: { data: unknown }[]
}

type Response = ServerResponse & Writer

type HttpSocket = Socket & {
  readonly server?: Server
  readonly _handle?: { readonly fd?: number } | null
  /** `incoming` is the request that was received last. */
  readonly parser?: { readonly incoming?: unknown } | null
}

/**
 * Milliseconds for which a connection is not told to close while more arrives than is read. A
 * client that never stops sending requests before it has the answers to the last ones loses some in
 * any case.
 */
const PATIENCE_MS = scaled(3000)

/** The time (`performance.now()`) until which each server's connections are waited for. */
const ending = new WeakMap<Server, number>()
/**
 * Connections whose last response is under way. Requests that come after it must not be served (RFC
 * 9112, 9.6).
 */
const told = new WeakSet<Socket>()
let original: Pick<Writer, '_storeHeader' | 'assignSocket'> | null = null

/**
 * Makes this server's HTTP/1 connections end with the next response, whatever headers the app sets:
 * the head says `Connection: close`, so that the client sends no further requests. If several
 * requests have arrived before the first is answered, the response to the last of them says so.
 *
 * Whether a response is the last is decided when its head is about to be sent, and not before:
 * until then requests can arrive from a client that has not been told. Handlers are called after
 * everything that has arrived is parsed; otherwise the first of several requests would be answered
 * as if it were the only one.
 */
export function endWithNextResponse(server: Server): void {
  if (ending.has(server)) return
  ending.set(server, performance.now() + PATIENCE_MS)
  handleLater(server)
  if (original) return
  // node:http is not loaded at the worker's start: apps without HTTP do not need it.
  const prototype = process.getBuiltinModule('node:http').ServerResponse.prototype as Response
  const { _storeHeader, assignSocket } = prototype
  // On a Node without these methods, the app's headers are left alone.
  if (typeof _storeHeader !== 'function' || typeof assignSocket !== 'function') return
  original = { _storeHeader, assignSocket }
  Object.assign(prototype, { _storeHeader: storeHeader, assignSocket: takeTurn })
}

/**
 * Calls the handler on a later turn of the loop, and not on the next tick, which comes between two
 * TLS records that were read at once.
 */
function handleLater(server: Server): void {
  const emitter: EventEmitter = server
  const { emit } = emitter
  emitter.emit = function (this: EventEmitter, event: string | symbol, ...args: unknown[]): boolean {
    const request = event === 'request' ? (args[0] as IncomingMessage) : null
    if (!request || request.httpVersionMajor >= 2) return emit.call(this, event, ...args)
    if (!told.has(request.socket)) setImmediate(() => emit.call(this, event, ...args))
    return true
  }
}

function storeHeader(this: Response, firstLine: string, headers: Headers): void {
  // For a response that waits for its turn, this is decided when the turn comes.
  const last = this.socket !== null && isLast(this)
  if (last) {
    told.add(this.req.socket)
    this.shouldKeepAlive = false
    this._removedConnection = false
    if (this.hasHeader('connection')) this.setHeader('Connection', 'close')
  }
  original?._storeHeader.call(this, firstLine, last ? closing(headers) : headers)
}

/**
 * Called when the responses before this one are written, so that the data that the app has given it
 * until now is next.
 */
function takeTurn(this: Response, socket: HttpSocket): void {
  const { _header: head } = this
  const first = head ? this.outputData.find(({ data }) => typeof data === 'string' && data.startsWith(head)) : undefined
  if (head && first && isLast(this)) {
    told.add(socket)
    this.shouldKeepAlive = false
    this._last = true
    first.data = withClose(head) + (first.data as string).slice(head.length)
  }
  original?.assignSocket.call(this, socket)
}

/** Whether the client has sent the whole request and nothing after it, as far as has arrived. */
function isLast({ req, statusCode }: Response): boolean {
  const socket = req.socket as HttpSocket | null
  const { server, parser } = socket ?? {}
  const patientUntil = server && ending.get(server)
  if (!socket || !server || patientUntil === undefined || statusCode === 101) return false
  const latest = parser?.incoming
  if (latest && latest !== req) return false
  if (performance.now() >= patientUntil) return true
  if (!req.complete || loadAddon().unreadOfFd(socket._handle?.fd ?? -1) > 0) return false
  // A parser is active if a part of the next request has come. Requests that wait for their answers
  // do not count.
  return !connectionsOf(server)
    ?.active()
    .some((active) => active === parser)
}

/**
 * Adds `Connection: close` to headers in the forms that `writeHead` takes. Headers that were set
 * before come as Node's own object, and are right already.
 */
function closing(headers: Headers): Headers {
  if (!headers) return headers
  if (!Array.isArray(headers)) {
    const name = Object.keys(headers).find(isConnection)
    const value = name && (headers as Record<string, unknown>)[name]
    if (!name || (Array.isArray(value) && isConnection(value[0]))) return headers
    return { ...headers, [name]: 'close' }
  }
  if (headers.some(Array.isArray)) return headers.map((pair) => (isConnection(pair[0]) ? [pair[0], 'close'] : pair))
  return headers.map((item, i) => (i % 2 === 1 && isConnection(headers[i - 1]) ? 'close' : item))
}

/** Adds `Connection: close` to a head that is written already. */
function withClose(head: string): string {
  const lines = head.split('\r\n').filter((line) => !/^(connection|keep-alive):/i.test(line))
  return [...lines.slice(0, -2), 'Connection: close', '', ''].join('\r\n')
}

function isConnection(name: unknown): boolean {
  return typeof name === 'string' && name.toLowerCase() === 'connection'
}
