import type { Socket } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'

/**
 * One side of a connection that is no longer HTTP: its socket, and the bytes that came after the
 * head.
 */
export interface Side {
  readonly socket: Duplex
  readonly head: Buffer
}

const KEEP_ALIVE_MS = 60_000

/**
 * Passes everything on, both ways, until both sides have ended; a side that breaks off takes the
 * other with it.
 */
export function tunnel(client: Side, backend: Side): void {
  for (const [from, to] of [
    [client, backend],
    [backend, client],
  ]) {
    // HTTP's timeouts do not hold any more. The kernel finds a peer that has vanished.
    const socket = from.socket as Socket
    socket.setTimeout(0)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    if (from.head.length > 0) to.socket.write(from.head)
    pipeline(from.socket, to.socket, () => undefined)
  }
}
