import type { IncomingMessage } from 'node:http'

export type Message = Pick<IncomingMessage, 'headers' | 'rawHeaders'>

/** A message's fields as Node has them: names and values in turn, each character a byte. */
export type RawHeaders = readonly string[]

/** Envoy's bounds, for requests and for answers. */
export const MAX_FIELDS = 100
export const MAX_HEADER_BYTES = 60 * 1024

/**
 * The fields that concern one connection only (RFC 9110 §7.6.1), and those that announce trailers,
 * which are not forwarded.
 */
const HOP_BY_HOP = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * The fields that `Connection` cannot remove: a client must not hide where a request goes and how
 * long it is.
 */
const PROTECTED = new Set(['host', 'content-length'])

/** Returns the fields that are for the next hop as well: names and values in turn. */
export function endToEnd({ rawHeaders, headers }: Message): string[] {
  const named = tokens(headers.connection)
  return without(rawHeaders, (name) => HOP_BY_HOP.has(name) || (named.includes(name) && !PROTECTED.has(name)))
}

/** @param dropped is given names in lower case */
export function without(raw: RawHeaders, dropped: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    if (!dropped(raw[i].toLowerCase())) kept.push(raw[i], raw[i + 1])
  }
  return kept
}

/** Returns the elements of a list such as Connection's, in lower case. */
export function tokens(list = ''): string[] {
  return list.split(',').map((token) => token.trim().toLowerCase())
}

/**
 * Says how a message's body is coded on its connection: not at all, in chunks, or in a way that the
 * gateway does not know.
 */
export function codingOf({ headers }: Message): 'none' | 'chunked' | 'unknown' {
  const coding = headers['transfer-encoding']
  if (coding === undefined) return 'none'
  return coding.trim().toLowerCase() === 'chunked' ? 'chunked' : 'unknown'
}
