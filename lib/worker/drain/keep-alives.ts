import type { Server, Socket } from 'node:net'
import { handshakesOf } from './handshakes.ts'
import { type ConnectionsList, connectionsOf, hiddenOf } from './http1-connections.ts'
import { isHttp1 } from './server-kinds.ts'

/**
 * A connection on which nothing has happened for so long is closed, at once if that was so before
 * the drain: its client is not about to send the next request. Not less than that: clients may be
 * delayed, too, by what comes with a drain, such as the start of the worker's successor, or by a
 * machine that has too much to do.
 */
const IDLE_MS = 1000
const CHECK_MS = 50

/** RFC 9110, 15.5.9: the client may send it again. */
const REQUEST_TIMEOUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'

interface Quiet {
  readonly bytesRead: number
  /** As of `performance.now()`. */
  readonly since: number
}

/**
 * Ends the connections of an HTTP/1 server that wait for a request, so that no request is lost.
 * Node's `close` ends those that have had one at once, also if the next is just on its way; it
 * waits for those that have not sent any, or only a part of its head, or of the TLS handshake, for
 * as long as they like.
 */
export class KeepAlives {
  readonly #server: Server
  readonly #list: ConnectionsList | undefined
  readonly #quietMs: number
  readonly #idleMs: number
  #quiet = new Map<Socket, Quiet>()

  /** `quietMs`: during the drain; `idleMs`: also before it. */
  constructor(server: Server, quietMs: number = IDLE_MS, idleMs: number = IDLE_MS) {
    this.#server = server
    this.#list = connectionsOf(server)
    this.#quietMs = quietMs
    this.#idleMs = idleMs
  }

  /**
   * As soon as the server listens no more: the app may close it itself, and later. What is in
   * flight goes on.
   */
  end(): void {
    // On the check phase: what has arrived was polled just before.
    const check = (): unknown => setImmediate(() => this.#server.listening || this.#closeQuiet())
    setInterval(check, CHECK_MS).unref()
    check()
  }

  #closeQuiet(): void {
    const quiet = new Map<Socket, Quiet>()
    for (const socket of handshakesOf(this.#server)) if (this.#isQuiet(socket, quiet)) socket.destroy()
    if (this.#list) this.#closeQuietRequests(this.#list, quiet)
    else if (isHttp1(this.#server)) this.#server.closeIdleConnections()
    this.#quiet = quiet
  }

  #closeQuietRequests(list: ConnectionsList, quiet: Map<Socket, Quiet>): void {
    const active = new Set(list.active())
    for (const parser of list.all()) {
      const { socket, incoming } = parser
      const isActive = active.has(parser)
      if (!socket || socket._httpMessage || (isActive && incoming) || !this.#isQuiet(socket, quiet)) continue
      const hasBegun = isActive && socket.bytesRead > 0
      if (hasBegun) socket.end(REQUEST_TIMEOUT, () => socket.destroy())
      else socket.destroy()
    }
  }

  /** Else it is looked at again. */
  #isQuiet(socket: Socket, quiet: Map<Socket, Quiet>): boolean {
    const now = performance.now()
    const { bytesRead } = socket
    const before = this.#quiet.get(socket)
    const since = before?.bytesRead === bytesRead ? before.since : now
    if (now - since >= this.#quietMs || idleTime(socket) >= this.#idleMs) return true
    quiet.set(socket, { bytesRead, since })
    return false
  }
}

/**
 * Milliseconds for which nothing has happened, by the timer that ends the connection some day; 0 if
 * it has none.
 */
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
