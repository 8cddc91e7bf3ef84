import type { EventEmitter } from 'node:events'
import type { Server } from 'node:net'
import os from 'node:os'

const IDLE_CHECK_MS = 50

/**
 * Asks the app to finish: by its own handler of the signal if it has one, as without a balancer, else by closing
 * its servers. Requests in flight go on; a keep-alive connection is closed when it is idle, now or later.
 *
 * @returns whether it was left to the app's handler.
 */
export function drain(servers: readonly Server[], signal: NodeJS.Signals): boolean {
  if (process.listenerCount(signal) > 0) {
    ;(process as EventEmitter).emit(signal, signal, os.constants.signals[signal])
    return true
  }
  for (const server of servers) server.close()
  closeWhenIdle(servers.filter(closesIdle))
  return false
}

function closeWhenIdle(http: readonly HttpServer[]): void {
  // Node closes the idle ones in `close`, but keeps those that become idle afterwards for their keep-alive time.
  setInterval(() => {
    for (const server of http) server.closeIdleConnections()
  }, IDLE_CHECK_MS).unref()
}

type HttpServer = Server & { closeIdleConnections(): void }

function closesIdle(server: Server): server is HttpServer {
  return typeof (server as { closeIdleConnections?: unknown }).closeIdleConnections === 'function'
}
