import type { Server as HttpServer } from 'node:http'
import type { Server } from 'node:net'

/**
 * These functions tell what a server is by its members. Testing its class would make apps load
 * classes that they do not need.
 */

/** True also for a server for HTTP/2 over TLS, which may have HTTP/1 clients. */
export function isHttp1(server: Server): server is HttpServer {
  return typeof (server as { closeIdleConnections?: unknown }).closeIdleConnections === 'function'
}

export function isHttp2(server: Server): boolean {
  return typeof (server as { updateSettings?: unknown }).updateSettings === 'function'
}

export interface TlsServer extends Server {
  /** The option's keys; undocumented. */
  ticketKeys?: Buffer
  getTicketKeys(): Buffer
  setTicketKeys(keys: Buffer): void
}

export function isTls(server: Server): server is TlsServer {
  return typeof (server as { getTicketKeys?: unknown }).getTicketKeys === 'function'
}
