import type { Server as HttpServer, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'

/** A connection on which nothing has happened for so many checks, and so long, is closed. */
const QUIET_CHECKS = 2
const CHECK_MS = 50

/** Node's own list of a server's connections. Undocumented: without it, those are closed that are idle as Node sees it. */
interface ConnectionsList {
  all(): readonly Parser[]
  idle(): readonly Parser[]
}

interface Parser {
  readonly socket?: HttpSocket | null
}

type HttpSocket = Socket & { readonly _httpMessage?: ServerResponse | null }

type Headers = Record<string, unknown> | readonly unknown[] | null | undefined

/** Of undocumented methods, what writes the head of a response. */
type Writer = { _storeHeader(firstLine: string, headers: Headers): void }

interface Quiet {
  readonly bytesRead: number
  checks: number
}

/**
 * Ends the keep-alive connections of an HTTP/1 server so that no request is lost: every response from now on says `Connection: close`,
 * so that the client sends no more; and connections without a request are closed once they have been quiet for 100 ms.
 * Node's `close` ends them at once, also those on which the next request is just on its way.
 */
export class KeepAlives {
  readonly #server: HttpServer
  readonly #list: ConnectionsList | undefined
  #quiet = new Map<Socket, Quiet>()

  constructor(server: HttpServer) {
    const symbol = Object.getOwnPropertySymbols(server).find(
      ({ description }) => description === 'http.server.connections',
    )
    this.#server = server
    this.#list = symbol && (server as unknown as Record<symbol, ConnectionsList>)[symbol]
  }

  /** Closes the server itself. What is in flight goes on. */
  end(): void {
    for (const { socket } of this.#list?.all() ?? []) {
      const response = socket?._httpMessage
      if (response && !response.headersSent) isLast(response)
    }
    // Ahead of the app's own listeners.
    for (const event of ['request', 'checkContinue', 'checkExpectation']) {
      if (event === 'request' || this.#server.listenerCount(event) > 0) {
        this.#server.prependListener(event, (_request, response: ServerResponse) => isLast(response))
      }
    }
    const { closeIdleConnections } = this.#server
    if (this.#list) this.#server.closeIdleConnections = () => undefined
    this.#server.close()
    this.#server.closeIdleConnections = closeIdleConnections
    // On the check phase: what has arrived was polled just before.
    setInterval(() => setImmediate(() => this.#closeQuiet()), CHECK_MS).unref()
  }

  #closeQuiet(): void {
    if (!this.#list) {
      this.#server.closeIdleConnections()
      return
    }
    const quiet = new Map<Socket, Quiet>()
    for (const { socket } of this.#list.idle()) {
      if (!socket || (socket._httpMessage && !socket._httpMessage.finished)) continue
      const before = this.#quiet.get(socket)
      const checks = before?.bytesRead === socket.bytesRead ? before.checks + 1 : 0
      if (checks >= QUIET_CHECKS) socket.destroy()
      else quiet.set(socket, { bytesRead: socket.bytesRead, checks })
    }
    this.#quiet = quiet
  }
}

export function isHttp1(server: Server): server is HttpServer {
  return typeof (server as { closeIdleConnections?: unknown }).closeIdleConnections === 'function'
}

/** Its head will say `Connection: close`, whatever the app sets; unless it switches protocols. */
function isLast(response: ServerResponse): void {
  const writer = response as ServerResponse & Writer
  // An HTTP/2 response has no such thing, and its session is told by other means.
  if (typeof writer._storeHeader !== 'function') return
  const store = writer._storeHeader
  response.shouldKeepAlive = false
  writer._storeHeader = (firstLine, headers) => {
    if (response.statusCode === 101) return store.call(response, firstLine, headers)
    if (response.hasHeader('connection')) response.setHeader('Connection', 'close')
    return store.call(response, firstLine, closing(headers))
  }
}

/** Headers as `writeHead` takes them. Those that were set before are passed as Node's own object, and are right already. */
function closing(headers: Headers): Headers {
  if (!headers) return headers
  if (!Array.isArray(headers)) {
    const key = Object.keys(headers).find((name) => isConnection(name))
    const value = key && (headers as Record<string, unknown>)[key]
    if (!key || (Array.isArray(value) && isConnection(value[0]))) return headers
    return { ...headers, [key]: 'close' }
  }
  if (headers.some(Array.isArray)) return headers.map((pair) => (isConnection(pair[0]) ? [pair[0], 'close'] : pair))
  return headers.map((item, i) => (i % 2 === 1 && isConnection(headers[i - 1]) ? 'close' : item))
}

function isConnection(name: unknown): boolean {
  return typeof name === 'string' && name.toLowerCase() === 'connection'
}
