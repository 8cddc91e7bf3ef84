import type { Server, Socket } from 'node:net'
import { isHttp1, isHttp2, isTls } from './server-kinds.ts'

/**
 * A socket with TLS. `_parent` is the connection below it; it is undocumented, and without it no
 * handshakes are followed.
 */
type SecureSocket = Socket & { readonly _parent?: Socket }

const servers = new WeakMap<Server, Set<Socket>>()

/**
 * Remembers the connections of an HTTPS server whose handshake is not done, because Node has no
 * list of them. The cost is small beside the handshake itself. For TLS servers without HTTP, the
 * app has to do this.
 */
export function followHandshakes(server: Server): void {
  if (!isTls(server) || !(isHttp1(server) || isHttp2(server)) || servers.has(server)) return
  const open = new Set<Socket>()
  servers.set(server, open)
  server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  server.on('secureConnection', ({ _parent }: SecureSocket) => {
    if (_parent) open.delete(_parent)
    else servers.delete(server)
  })
}

export function handshakesOf(server: Server): Iterable<Socket> {
  return servers.get(server) ?? []
}
