import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'

/**
 * Finds a free port that sockets with SO_REUSEPORT can share: `listen(0)` would give each of them
 * another one. The port is held until `release`.
 */
export async function reservePort(): Promise<{ port: number; release(): void }> {
  const server = net.createServer().listen({ port: 0, host: '127.0.0.1', reusePort: true })
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, release: () => server.close() }
}
