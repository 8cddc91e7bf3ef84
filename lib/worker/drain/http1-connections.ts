import type { Server, Socket } from 'node:net'

/**
 * Node's own list of an HTTP/1 server's connections. `active`: those of which a part of a request
 * has come, and the rest has not; also those on which nothing has come yet. (`idle`, the others,
 * has those as well on Node 26.)
 */
export interface ConnectionsList {
  all(): readonly Parser[]
  active(): readonly Parser[]
}

/** Of a connection. `incoming`: the request that was received last, until it is answered. */
export interface Parser {
  readonly socket?: HttpSocket | null
  readonly incoming?: unknown
}

/** `_httpMessage`: the response that is being written. */
export type HttpSocket = Socket & { readonly _httpMessage?: unknown }

/** Undocumented: a Node without it has none. */
export function connectionsOf(server: Server): ConnectionsList | undefined {
  return hiddenOf(server, 'http.server.connections') as ConnectionsList | undefined
}

export function hiddenOf(object: object, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(object).find((each) => each.description === description)
  return symbol && (object as Record<symbol, unknown>)[symbol]
}
