import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { without } from './fields.ts'

/**
 * When Node meets a request for an upgrade, it lets go of the connection. This class makes it
 * possible to answer such a request after all: in its turn, with a response of its own, or as the
 * plain request that it is without `Upgrade`.
 */
export class Upgrades {
  /** The latest response on each connection. */
  readonly #latest = new WeakMap<Duplex, ServerResponse>()

  /** Has to be called with each response that Node makes. */
  add(res: ServerResponse): void {
    if (res.req.socket) this.#latest.set(res.req.socket, res)
  }

  /**
   * Calls back once all earlier requests of a pipelining client are answered. An error that the
   * callback throws ends the connection.
   */
  inTurn(socket: Duplex, callback: () => void): void {
    const leave = (): unknown => socket.destroy()
    const turn = (): void => {
      socket.off('end', leave)
      try {
        callback()
      } catch {
        socket.destroy()
      }
    }
    socket.on('error', leave)
    // The same holds where Node serves: a client that ends its side before it is answered has gone.
    socket.once('end', leave)
    const latest = this.#latest.get(socket)
    // A response is finished before Node has taken it off its connection. The event comes after
    // that.
    if (latest === undefined || (latest.writableFinished && latest.socket === null)) turn()
    else latest.once('finish', turn)
  }
}

/** Makes a response on a connection that Node has let go of. The connection ends with it. */
export function responseOn(socket: Socket, req: IncomingMessage): ServerResponse {
  const res = new ServerResponse(req)
  res.shouldKeepAlive = false
  res.assignSocket(socket)
  res.once('finish', () => socket.destroySoon())
  // Once the connection is handed over, the other side handles its end.
  socket.once('end', () => {
    if (res.socket === socket) socket.destroy()
  })
  return res
}

/**
 * Gives the connection back to the server, as if it had come with this request, and without the
 * upgrade.
 */
export function replay(server: Server, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const fields = without(req.rawHeaders, (name) => name === 'upgrade')
  const lines = [`${req.method} ${req.url} HTTP/${req.httpVersion}`]
  for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`)
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}
