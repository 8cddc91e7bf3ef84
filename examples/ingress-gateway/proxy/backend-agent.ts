import http, { type ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/**
 * Less than the 5 s after which Node's and Apache's servers close a connection that is not used.
 */
const IDLE_MS = 4000

type Create = http.Agent['createConnection']
type Done = (error?: Error | null) => void

/**
 * Keeps the connections to backends between requests. Bytes that come on an idle connection answer
 * nothing, and would be taken for the answer to the next request. So such a connection is closed.
 */
export class BackendAgent extends http.Agent {
  constructor() {
    super({ keepAlive: true, timeout: IDLE_MS })
  }

  override createConnection(...options: Parameters<Create>): ReturnType<Create> {
    const socket = super.createConnection(...options)
    hearOut(socket as Socket)
    return socket
  }

  /** Node calls this when a request is done with its connection. */
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

/**
 * A backend may answer and close before it has taken the request. A write to it then fails before
 * its answer is read, and Node would drop the answer. So such a failure is not reported: reading
 * ends with the same failure, after the answer.
 */
function hearOut(socket: Socket): void {
  const unlessClosed = (done: Done): Done => {
    return (error) => done(isClosed(error) ? null : error)
  }
  const write = socket._write.bind(socket)
  const writev = socket._writev?.bind(socket)
  socket._write = (chunk, encoding, done) => write(chunk, encoding, unlessClosed(done))
  if (writev) socket._writev = (chunks, done) => writev(chunks, unlessClosed(done))
}

function isClosed(error: NodeJS.ErrnoException | null | undefined): boolean {
  return error?.code === 'EPIPE' || error?.code === 'ECONNRESET'
}
