import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * The responses to a client that asks again before it is answered. When its connection closes, Node
 * closes the response whose turn it is, and tells nothing to those that wait behind it. This class
 * closes them, so that no backend goes on with an answer that nobody will read.
 */
export class Waiting {
  readonly #byConnection = new WeakMap<Socket, Set<ServerResponse>>()

  /** Has to be called with each response that Node makes. */
  add(res: ServerResponse): void {
    if (res.socket !== null) return
    const waiting = this.#on(res.req.socket)
    waiting.add(res)
    res.once('socket', () => waiting.delete(res))
  }

  #on(socket: Socket): Set<ServerResponse> {
    const known = this.#byConnection.get(socket)
    if (known) return known
    const waiting = new Set<ServerResponse>()
    this.#byConnection.set(socket, waiting)
    // There is one listener for all responses, because Node warns of many.
    socket.once('close', () => waiting.forEach(close))
    return waiting
  }
}

/** Without a connection, `destroy` alone emits no event. */
function close(res: ServerResponse): void {
  res.destroy()
  res.emit('close')
}
