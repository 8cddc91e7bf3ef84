import net, { type Server } from 'node:net'
import { callHandlers, numberOf } from '../process/app-signals.ts'
import { closeSessions } from './http2-sessions.ts'
import { KeepAlives } from './keep-alives.ts'
import { endWithNextResponse } from './last-responses.ts'
import { isHttp1, isHttp2 } from './server-kinds.ts'

const SIGNAL_EXIT_BASE = 128

/**
 * Asks the app to finish. If the app has handlers for the signal, they are called, as without a
 * balancer; otherwise its servers are closed. Requests in flight continue. A keep-alive connection
 * closes with its next response, or when it is idle, and an HTTP/2 session with its last stream.
 *
 * @param onClosed is called when the servers are closed, and not if the app's handlers were called
 *   instead
 */
export function drain(servers: readonly Server[], signal: NodeJS.Signals, onClosed: () => void): void {
  for (const server of servers) {
    endWithNextResponse(server)
    if (isHttp1(server) || isHttp2(server)) new KeepAlives(server).end()
  }
  if (callHandlers(signal, SIGNAL_EXIT_BASE + numberOf(signal))) return
  for (const server of servers) {
    stopListening(server)
    closeSessions(server)
  }
  onClosed()
}

/**
 * Closes the server without Node's `close` of HTTP servers, which would end connections as well,
 * some of them with a request on its way.
 */
function stopListening(server: Server): void {
  if (!server.listening) return
  if (isHttp1(server) || isHttp2(server)) net.Server.prototype.close.call(server)
  else server.close()
}
