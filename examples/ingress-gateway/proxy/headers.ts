/** A message's fields as Node and undici have them: names and values in turn. */
export type RawHeaders = readonly string[]

/** Fields of one connection only (RFC 9110 §7.6.1), and what announces trailers, which are not forwarded. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What Connection cannot take away: where the request goes and how long it is is not the client's to hide. */
const PROTECTED = new Set(['host', 'content-length'])

export interface Client {
  readonly address: string
  readonly authority: string
}

/** What the backend gets: the client's fields, and as from Envoy, where the request came from. */
export function requestHeaders(raw: RawHeaders, { address, authority }: Client): string[] {
  const endToEnd = withoutHopByHop(raw)
  const forwarded = valuesOf(endToEnd, 'x-forwarded-for')
  return [
    'host',
    authority,
    // `expect` was answered here, by 100 Continue.
    ...without(endToEnd, ['host', 'expect', 'x-forwarded-for', 'x-forwarded-proto']),
    'x-forwarded-for',
    // An IPv4 client of an IPv6 socket.
    [...forwarded, address.replace(/^::ffff:/, '')].join(', '),
    'x-forwarded-proto',
    'http',
  ]
}

/** What the client gets: the backend's fields, and as from Envoy, our name as the server's. */
export function responseHeaders(raw: RawHeaders, server: string): string[] {
  return [...without(withoutHopByHop(raw), ['server']), 'server', server]
}

function withoutHopByHop(raw: RawHeaders): string[] {
  const named = valuesOf(raw, 'connection').flatMap((value) =>
    value.split(',').map((name) => name.trim().toLowerCase()),
  )
  return without(raw, [...HOP_BY_HOP, ...named.filter((name) => !PROTECTED.has(name))])
}

/** @param names lower case */
function without(raw: RawHeaders, names: readonly string[]): string[] {
  const dropped = new Set(names)
  return raw.filter((_, i) => !dropped.has(raw[i - (i % 2)].toLowerCase()))
}

function valuesOf(raw: RawHeaders, name: string): string[] {
  return raw.filter((_, i) => i % 2 === 1 && raw[i - 1].toLowerCase() === name)
}
