import { Refusal } from './reply.ts'

/** What a request is for. */
export interface RequestTarget {
  /** The host in lower case, without the port. */
  readonly host: string
  /** The authority as the client wrote it, which the backend gets as Host. */
  readonly authority: string
  /** The normalised path without the query, which routes are matched with. */
  readonly path: string
  /** Path and query, which are forwarded. */
  readonly url: string
}

/** The request is refused. */
class BadTargetError extends Refusal {
  constructor(message: string) {
    super(400, `bad request: ${message}`)
  }
}

const UNRESERVED = /[A-Za-z0-9\-._~]/

/**
 * Reads the request line's target and Host, as Istio's gateways do by default (path normalisation
 * BASE). The path that is matched is the path that is forwarded, so that no spelling of a path
 * reaches the backend under another route. Backslashes become slashes, escaped unreserved
 * characters are unescaped (%2e is a dot), and dot segments are resolved. Repeated slashes, and %2F
 * and %5C, which are no slashes in HTTP, stay as they are. A backend that takes them for slashes
 * has to be configured otherwise, or has to check paths itself.
 *
 * @param rawHeaders names and values in turn; a second Host would be one that another hop may
 *   choose
 * @throws Refusal
 */
export function readTarget(requestTarget: string, rawHeaders: readonly string[]): RequestTarget {
  const hosts = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1].toLowerCase() === 'host')
  if (hosts.length > 1) throw new BadTargetError('more than one Host')
  // The absolute form comes first, as RFC 9112 has it.
  const [, absolute, rest] = /^https?:\/\/([^/?#\\]*)(.*)$/i.exec(requestTarget) ?? []
  if (absolute === '') throw new BadTargetError('a URL without a host')
  const authority = absolute ?? hosts[0] ?? ''
  const target = rest === undefined ? requestTarget : `${/^[/\\]/.test(rest) ? '' : '/'}${rest}`
  if (target.includes('#')) throw new BadTargetError('a fragment in the path')
  const [, rawPath, query] = /^([^?]*)(.*)$/.exec(target) ?? ['', '', '']
  const path = normalisePath(rawPath)
  return { host: hostOf(authority), authority, path, url: path + query }
}

/** @throws Refusal */
export function normalisePath(path: string): string {
  if (!/^[/\\]/.test(path)) throw new BadTargetError('a path that does not start with /')
  if (/%00/.test(path)) throw new BadTargetError('a null character in the path')
  return removeDotSegments(unescapeUnreserved(path.replaceAll('\\', '/')))
}

function unescapeUnreserved(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (escaped, hex) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16))
    return UNRESERVED.test(character) ? character : escaped
  })
}

/**
 * Removes dot segments by RFC 3986 §5.2.4, from a path that starts with a slash. A path that climbs
 * above the root stays at the root.
 */
function removeDotSegments(path: string): string {
  const segments = path.split('/').slice(1)
  const kept: string[] = []
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  const last = segments[segments.length - 1]
  if (last === '.' || last === '..') kept.push('')
  return `/${kept.join('/')}`
}

/** @throws Refusal */
function hostOf(authority: string): string {
  const [, host] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]*)(?::\d*)?$/i.exec(authority) ?? []
  if (host === undefined) throw new BadTargetError('a Host that is none')
  return host.toLowerCase()
}
