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
 * Ends a request to a backend that cannot be reached, that does not start its answer in time, or
 * whose request body stops coming before it is answered. A body that keeps coming may take any
 * time, and so may an answer.
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

/**
 * The body has a timer of its own, because the connection's timer counts whatever comes on it, also
 * of the next request.
 */
function watchBody(req: IncomingMessage, upstream: ClientRequest, idleTimeout: number): void {
  const timer = setTimeout(() => upstream.destroy(upstream.writableNeedDrain ? held : stalled), idleTimeout)
  const stop = (): void => clearTimeout(timer)
  // After the end of the body the backend's time runs, and after an answer nobody waits for the
  // body.
  req.on('data', () => timer.refresh()).once('end', stop)
  upstream.once('response', stop).once('close', stop)
}
