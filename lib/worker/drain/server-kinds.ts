import type { Server as HttpServer } from 'node:http'
import type { Server } from 'node:net'

/** What a server is, by what it has: its class would have to be loaded, by apps that do without. */

/** Also one for HTTP/2 and TLS, which may have clients of HTTP/1. */
export function isHttp1(server: Server): server is HttpServer {
  return typeof (server as { closeIdleConnections?: unknown }).closeIdleConnections === 'function'
}

export function isHttp2(server: Server): boolean {
  return typeof (server as { updateSettings?: unknown }).updateSettings === 'function'
}

export interface TlsServer extends Server {
  /** Those of the option; undocumented. */
  ticketKeys?: Buffer
  getTicketKeys(): Buffer
  setTicketKeys(keys: Buffer): void
}

export function isTls(server: Server): server is TlsServer {
  return typeof (server as { getTicketKeys?: unknown }).getTicketKeys === 'function'
}
