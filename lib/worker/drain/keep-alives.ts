import type { Server, Socket } from 'node:net'
import { scaled } from '../../time-scale.ts'
import { handshakesOf } from './handshakes.ts'
import { type ConnectionsList, connectionsOf, hiddenOf } from './http1-connections.ts'
import { isHttp1 } from './server-kinds.ts'

/**
 * Milliseconds after which an idle connection is closed, because its client is not about to send
 * the next request. Time before the drain counts. A shorter time would cut clients that are delayed
 * by effects of a drain, such as the start of the worker's successor, or by a busy machine.
 */
const IDLE_MS = scaled(1000)
const CHECK_MS = 50

/** The client may send the request again (RFC 9110, 15.5.9). */
const REQUEST_TIMEOUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'

interface Quiet {
  readonly bytesRead: number
  /** On the clock of `performance.now()`. */
  readonly since: number
}

/**
 * Ends the connections of an HTTP/1 server that wait for a request, so that no request is lost.
 * Node's `close` ends those that have had a request at once, even if the next one is on its way. It
 * waits without limit for those that have not sent any request, or only a part of its head or of
 * the TLS handshake.
 */
export class KeepAlives {
  readonly #server: Server
  readonly #list: ConnectionsList | undefined
  readonly #quietMs: number
  readonly #idleMs: number
  #quiet = new Map<Socket, Quiet>()

  /**
   * @param quietMs how long a connection has to be quiet during the drain
   * @param idleMs how long it has to be idle if time before the drain counts
   */
  constructor(server: Server, quietMs: number = IDLE_MS, idleMs: number = IDLE_MS) {
    this.#server = server
    this.#list = connectionsOf(server)
    this.#quietMs = quietMs
    this.#idleMs = idleMs
  }

  /**
   * Begins as soon as the server has stopped listening; the app may close it itself, and later.
   * Requests in flight continue.
   */
  end(): void {
    // This runs in the loop's check phase, so all that has arrived was polled just before.
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

  /** Whether the connection can be closed. If not, it is checked again later. */
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
 * Milliseconds for which nothing has happened, by the timer that would finally end the connection;
 * 0 if the connection has no timer.
 */
function idleTime(socket: Socket): number {
  const timer = hiddenOf(socket, 'timeout')
  const now = setTimeout(() => undefined)
  clearTimeout(now)
  return Math.max(0, startOf(now) - startOf(timer)) || 0
}

/** A timer's start on the loop's clock. It is undocumented. */
function startOf(timer: unknown): number {
  return (timer as { _idleStart?: number } | null | undefined)?._idleStart ?? Number.NaN
}
