import type { Server, Socket } from 'node:net'

/**
 * Node's own list of an HTTP/1 server's connections. `active` has those on which a part of a
 * request has come and the rest has not, and those on which nothing has come yet. `idle` has the
 * others, and on Node 26 also those on which nothing has come yet.
 */
export interface ConnectionsList {
  all(): readonly Parser[]
  active(): readonly Parser[]
}

/**
 * A connection's parser. `incoming` is the request that was received last, until it is answered.
 */
export interface Parser {
  readonly socket?: HttpSocket | null
  readonly incoming?: unknown
}

/** `_httpMessage` is the response that is being written. */
export type HttpSocket = Socket & { readonly _httpMessage?: unknown }

/** The list is undocumented. undefined on a Node without it. */
export function connectionsOf(server: Server): ConnectionsList | undefined {
  return hiddenOf(server, 'http.server.connections') as ConnectionsList | undefined
}

export function hiddenOf(object: object, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(object).find((each) => each.description === description)
  return symbol && (object as Record<symbol, unknown>)[symbol]
}
