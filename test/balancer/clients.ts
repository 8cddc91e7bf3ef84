import { once } from 'node:events'
import net from 'node:net'
import type { ListeningSocket } from '../../lib/net/listening-socket.ts'

/** For what is of no interest, or not yet. */
export function ignore(): void {
  // Nothing.
}

/** A client of the listener, which no longer throws for its errors: they show as its 'close'. */
export function dial(address: ListeningSocket['address']): net.Socket {
  const socket =
    typeof address === 'string'
      ? net.connect({ path: address })
      : net.connect({
          port: address.port,
          host: address.address.replace(/^::$/, '::1').replace('0.0.0.0', '127.0.0.1'),
        })
  return socket.on('error', ignore).resume()
}

/** Connects as `dial` does, and resolves once the kernel has completed the connection. */
export async function connect(address: ListeningSocket['address']): Promise<net.Socket> {
  const socket = dial(address)
  await once(socket, 'connect')
  return socket
}

export async function closed(socket: net.Socket): Promise<void> {
  // Not `once`: it rejects if an 'error' comes first.
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()))
}
