import type { Server as HttpServer } from 'node:http'
import type { Server, Socket } from 'node:net'

/**
 * A connection on which nothing has happened for so long is closed, at once if that was so before the drain: its client is not about to
 * send the next request. Not less than that: clients may be delayed, too, by what comes with a drain, such as the start of the worker's
 * successor, or by a machine that has too much to do.
 */
const IDLE_MS = 1000
const CHECK_MS = 50

/** Node's own list of a server's connections. Undocumented: without it, those are closed that are idle as Node sees it. */
interface ConnectionsList {
  idle(): readonly { readonly socket?: HttpSocket | null }[]
}

/** `_httpMessage`: the response that is being written. */
type HttpSocket = Socket & { readonly _httpMessage?: unknown }

interface Quiet {
  readonly bytesRead: number
  /** As of `performance.now()`. */
  readonly since: number
}

/**
 * Ends the keep-alive connections of an HTTP/1 server so that no request is lost. Node's `close` ends them at once, also those on which
 * the next request is just on its way, or that have just come and not sent their first.
 */
export class KeepAlives {
  readonly #server: HttpServer
  readonly #list: ConnectionsList | undefined
  readonly #quietMs: number
  readonly #idleMs: number
  #quiet = new Map<Socket, Quiet>()

  /** `quietMs`: during the drain; `idleMs`: also before it. */
  constructor(server: HttpServer, quietMs: number = IDLE_MS, idleMs: number = IDLE_MS) {
    this.#server = server
    this.#list = hiddenOf(server, 'http.server.connections') as ConnectionsList | undefined
    this.#quietMs = quietMs
    this.#idleMs = idleMs
  }

  /** Of a server that accepts no more. What is in flight goes on. */
  end(): void {
    // On the check phase: what has arrived was polled just before.
    const check = (): unknown => setImmediate(() => this.#closeQuiet())
    setInterval(check, CHECK_MS).unref()
    check()
  }

  #closeQuiet(): void {
    if (!this.#list) {
      this.#server.closeIdleConnections()
      return
    }
    const now = performance.now()
    const quiet = new Map<Socket, Quiet>()
    for (const { socket } of this.#list.idle()) {
      if (!socket || socket._httpMessage) continue
      const { bytesRead } = socket
      const before = this.#quiet.get(socket)
      const since = before?.bytesRead === bytesRead ? before.since : now
      if (now - since >= this.#quietMs || idleTime(socket) >= this.#idleMs) socket.destroy()
      else quiet.set(socket, { bytesRead, since })
    }
    this.#quiet = quiet
  }
}

export function isHttp1(server: Server): server is HttpServer {
  return typeof (server as { closeIdleConnections?: unknown }).closeIdleConnections === 'function'
}

/** Milliseconds for which nothing has happened, by the timer that ends the connection some day; 0 if it has none. */
function idleTime(socket: Socket): number {
  const timer = hiddenOf(socket, 'timeout')
  const now = setTimeout(() => undefined)
  clearTimeout(now)
  return Math.max(0, startOf(now) - startOf(timer)) || 0
}

/** Of a timer. Undocumented, by the loop's clock. */
function startOf(timer: unknown): number {
  return (timer as { _idleStart?: number } | null | undefined)?._idleStart ?? Number.NaN
}

function hiddenOf(object: object, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(object).find((each) => each.description === description)
  return symbol && (object as Record<symbol, unknown>)[symbol]
}
