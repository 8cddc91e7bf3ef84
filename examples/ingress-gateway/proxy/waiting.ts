import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Responses to a client that asks again before it is answered. When its connection closes, Node
 * closes the response whose turn it is, and says nothing to those that wait behind it. They are
 * closed here, so that no backend goes on with what nobody will read.
 */
export class Waiting {
  readonly #byConnection = new WeakMap<Socket, Set<ServerResponse>>()

  /** Each response that Node makes has to be told. */
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
    // One listener for all: Node warns of many.
    socket.once('close', () => waiting.forEach(close))
    return waiting
  }
}

/** Without a connection, `destroy` alone tells nobody. */
function close(res: ServerResponse): void {
  res.destroy()
  res.emit('close')
}
