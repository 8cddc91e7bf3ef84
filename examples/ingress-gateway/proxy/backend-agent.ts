import http, { type ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'

/** Less than the 5 s after which Node's and Apache's servers close a connection that is not used. */
const IDLE_MS = 4000

/**
 * The connections to backends, kept between requests. What comes on one that waits answers nothing: it would be taken for
 * the answer to the next request, so that such a connection is closed.
 */
export class BackendAgent extends http.Agent {
  constructor() {
    super({ keepAlive: true, timeout: IDLE_MS })
  }

  /** Called when a request is done with its connection. */
  override keepSocketAlive(socket: Duplex): boolean {
    socket.once('data', destroy)
    return super.keepSocketAlive(socket) as unknown as boolean
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    socket.off('data', destroy)
    super.reuseSocket(socket, request)
  }
}

function destroy(this: Duplex): void {
  this.destroy()
}
