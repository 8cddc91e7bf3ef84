import type { IncomingMessage } from 'node:http'

export type Message = Pick<IncomingMessage, 'headers' | 'rawHeaders'>

/** A message's fields as Node has them: names and values in turn, each character a byte. */
export type RawHeaders = readonly string[]

/** Envoy's bounds, of requests and of answers. */
export const MAX_FIELDS = 100
export const MAX_HEADER_BYTES = 60 * 1024

/**
 * Fields of one connection only (RFC 9110 §7.6.1), and what announces trailers, which are not
 * forwarded.
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
 * What Connection cannot take away: where the request goes and how long it is is not the client's
 * to hide.
 */
const PROTECTED = new Set(['host', 'content-length'])

/** The fields that are for the next hop as well: names and values in turn. */
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

/** The elements of a list such as Connection's, in lower case. */
export function tokens(list = ''): string[] {
  return list.split(',').map((token) => token.trim().toLowerCase())
}

/**
 * How a message's body is coded on its connection: not at all, in chunks, or as the gateway does
 * not know.
 */
export function codingOf({ headers }: Message): 'none' | 'chunked' | 'unknown' {
  const coding = headers['transfer-encoding']
  if (coding === undefined) return 'none'
  return coding.trim().toLowerCase() === 'chunked' ? 'chunked' : 'unknown'
}
