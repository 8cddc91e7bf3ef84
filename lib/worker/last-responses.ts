import type { ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'

type Headers = Record<string, unknown> | readonly unknown[] | null | undefined

/** Of undocumented methods, what writes the head of a response, whether the app set its headers before or gives them now. */
interface Writer {
  _storeHeader(this: Response, firstLine: string, headers: Headers): void
  /** The app has removed the header, so that Node would write none. */
  _removedConnection: boolean
}

type Response = ServerResponse & Writer

type HttpSocket = Socket & {
  readonly server?: Server
  /** `incoming`: the request that was received last. */
  readonly parser?: { readonly incoming?: unknown } | null
}

const ending = new WeakSet<Server>()
let original: Writer['_storeHeader'] | null = null

/**
 * From now on this server's HTTP/1 connections end with the next response, whatever the app sets: its head says `Connection: close`, so
 * that the client sends no more. Of several requests that were received before the first is answered, the last one's does.
 */
export function endWithNextResponse(server: Server): void {
  ending.add(server)
  if (original) return
  // Not at the worker's start: an app without HTTP does not load it.
  const prototype = process.getBuiltinModule('node:http').ServerResponse.prototype as Response
  // Of a Node without it, the app's headers are left alone.
  if (typeof prototype._storeHeader !== 'function') return
  original = prototype._storeHeader
  prototype._storeHeader = storeHeader
}

function storeHeader(this: Response, firstLine: string, headers: Headers): void {
  const last = isLast(this)
  if (last) {
    this.shouldKeepAlive = false
    this._removedConnection = false
    if (this.hasHeader('connection')) this.setHeader('Connection', 'close')
  }
  original?.call(this, firstLine, last ? closing(headers) : headers)
}

function isLast({ req, statusCode }: Response): boolean {
  const socket = req.socket as HttpSocket | null
  if (!socket?.server || !ending.has(socket.server) || statusCode === 101) return false
  const latest = socket.parser?.incoming
  return !latest || latest === req
}

/** Headers as `writeHead` takes them. Those that were set before are passed as Node's own object, and are right already. */
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

function isConnection(name: unknown): boolean {
  return typeof name === 'string' && name.toLowerCase() === 'connection'
}
