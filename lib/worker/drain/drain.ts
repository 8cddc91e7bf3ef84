import net, { type Server } from 'node:net'
import { callHandlers, numberOf } from '../process/app-signals.ts'
import { closeSessions } from './http2-sessions.ts'
import { KeepAlives } from './keep-alives.ts'
import { endWithNextResponse } from './last-responses.ts'
import { isHttp1, isHttp2 } from './server-kinds.ts'

const SIGNAL_EXIT_BASE = 128

/**
 * Asks the app to finish: by its own handler of the signal if it has one, as without a balancer,
 * else by closing its servers. Requests in flight go on; a keep-alive connection is closed with its
 * next response, or when it is idle, and an HTTP/2 session with its last stream.
 *
 * `onClosed` is called when the servers are closed; not if it was left to the app's handler.
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
 * Of a server for HTTP, its own `close` would end connections, too, some with a request that is
 * just on its way.
 */
function stopListening(server: Server): void {
  if (!server.listening) return
  if (isHttp1(server) || isHttp2(server)) net.Server.prototype.close.call(server)
  else server.close()
}
