import type { EventEmitter } from 'node:events'
import type { Server } from 'node:net'
import os from 'node:os'
import { closeSessions } from './http2-sessions.ts'
import { isHttp1, KeepAlives } from './keep-alives.ts'

const SIGNAL_EXIT_BASE = 128

/**
 * Asks the app to finish: by its own handler of the signal if it has one, as without a balancer, else by closing
 * its servers. Requests in flight go on; a keep-alive connection is closed with its next response, or when it has been idle for
 * 100 ms (so long have connections, too, that have just been adopted), and an HTTP/2 session with its last stream.
 *
 * `onClosed` is called when the servers are closed; not if it was left to the app's handler.
 */
export function drain(servers: readonly Server[], signal: NodeJS.Signals, onClosed: () => void): void {
  if (process.listenerCount(signal) > 0 && !diesOf(signal)) return
  for (const server of servers) {
    if (isHttp1(server)) new KeepAlives(server).end()
    else server.close()
    closeSessions(server)
  }
  onClosed()
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
  let calling = true
  let dies = false
  process.kill = (pid, what) => {
    if (pid !== process.pid || what === 0) return kill.call(process, pid, what)
    if (!calling) process.exit(SIGNAL_EXIT_BASE + os.constants.signals[signal])
    dies = true
    return true
  }
  ;(process as EventEmitter).emit(signal, signal, os.constants.signals[signal])
  calling = false
  return dies
}
