import type { Server } from 'node:net'

import { isTls } from './server-kinds.ts'

/**
 * The keys by which a TLS server makes session tickets, 48 bytes; null for servers without TLS. Each server makes up its own: workers
 * that share a listener have to share them, or a client that resumes its session at another worker does a full handshake.
 */
export function ticketKeysOf(server: Server): Uint8Array | null {
  return isTls(server) ? server.getTicketKeys() : null
}

export function useTicketKeys(server: Server, keys: Uint8Array | null): void {
  if (keys && isTls(server)) server.setTicketKeys(Buffer.from(keys))
}
