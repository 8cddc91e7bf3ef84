import type { ClientRequest, IncomingMessage } from 'node:http'
import { held, late, stalled, unreachable } from './failures.ts'
import { hasBody } from './request-head.ts'

export interface Deadlines {
  /** Milliseconds to the start of the answer, once the backend has the request; 0: any time. */
  readonly timeout: number
  /** Milliseconds for which nothing may come of a request's body. */
  readonly idleTimeout: number
}

/** Istio's default. */
const CONNECT_TIMEOUT_MS = 10_000

/**
 * Ends a request to a backend that cannot be reached or does not start its answer in time, and one
 * whose body does not come before it is answered. How long a body takes that does come is nobody's
 * business, and neither is how long an answer takes.
 */
export function watchDeadlines(req: IncomingMessage, upstream: ClientRequest, deadlines: Deadlines): void {
  let timer: NodeJS.Timeout | undefined
  let isAnswered = false
  const stop = (): void => clearTimeout(timer)
  const answered = (): void => {
    isAnswered = true
    stop()
  }
  upstream.once('socket', (socket) => {
    if (!socket.connecting) return
    timer = setTimeout(() => upstream.destroy(unreachable), CONNECT_TIMEOUT_MS)
    socket.once('connect', stop)
  })
  upstream.once('finish', () => {
    if (!isAnswered && deadlines.timeout > 0) timer = setTimeout(() => upstream.destroy(late), deadlines.timeout)
  })
  upstream.once('response', answered).once('upgrade', answered).once('close', answered)
  if (hasBody(req)) watchBody(req, upstream, deadlines.idleTimeout)
}

/** By a timer of its own: the connection's is of whatever comes on it, also of the next request. */
function watchBody(req: IncomingMessage, upstream: ClientRequest, idleTimeout: number): void {
  const timer = setTimeout(() => upstream.destroy(upstream.writableNeedDrain ? held : stalled), idleTimeout)
  const stop = (): void => clearTimeout(timer)
  // From its end on it is the backend's time, and after an answer nobody waits for it.
  req.on('data', () => timer.refresh()).once('end', stop)
  upstream.once('response', stop).once('close', stop)
}
