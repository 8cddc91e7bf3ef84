import type { EventEmitter } from 'node:events'
import net, { type Server } from 'node:net'
import { closeSessions, isHttp2 } from './http2-sessions.ts'
import { isHttp1, KeepAlives } from './keep-alives.ts'
import { endWithNextResponse } from './last-responses.ts'

const SIGNAL_EXIT_BASE = 128

/**
 * Asks the app to finish: by its own handler of the signal if it has one, as without a balancer, else by closing
 * its servers. Requests in flight go on; a keep-alive connection is closed with its next response, or when it is idle, and an HTTP/2 session with its last stream.
 *
 * `onClosed` is called when the servers are closed; not if it was left to the app's handler.
 */
export function drain(servers: readonly Server[], signal: NodeJS.Signals, onClosed: () => void): void {
  for (const server of servers) endWithNextResponse(server)
  if (process.listenerCount(signal) > 0 && !diesOf(signal)) return
  for (const server of servers) {
    stopListening(server)
    if (isHttp1(server)) new KeepAlives(server).end()
    closeSessions(server)
  }
  onClosed()
}

/** Of a server for HTTP, its own `close` would end connections, too, some with a request that is just on its way. */
function stopListening(server: Server): void {
  if (!server.listening) return
  if (isHttp1(server) || isHttp2(server)) net.Server.prototype.close.call(server)
  else server.close()
}

/**
 * Calls the handlers of the signal. One that sends it again to its own process wants to die of it, which here would
 * hit all workers: at once (the signal-exit package does so, which only cleans up) it means that nobody closes the
 * servers; later, that the app is done, which ends this worker.
 *
 * @returns whether a handler did so at once.
 */
function diesOf(signal: NodeJS.Signals): boolean {
  const { kill } = process
  const number = process.getBuiltinModule('node:os').constants.signals[signal]
  let calling = true
  let dies = false
  process.kill = (pid, what) => {
    if (pid !== process.pid || what === 0) return kill.call(process, pid, what)
    if (!calling) process.exit(SIGNAL_EXIT_BASE + number)
    dies = true
    return true
  }
  ;(process as EventEmitter).emit(signal, signal, number)
  calling = false
  return dies
}
