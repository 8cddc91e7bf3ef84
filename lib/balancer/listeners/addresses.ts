import { type AddressInfo, SocketAddress } from 'node:net'
import { resolve } from 'node:path'

/** What a worker asks for. Port -1 means that the address is a Unix socket's path. */
export interface Asked {
  readonly address: string | null
  readonly port: number
  readonly ipv6Only: boolean
  /** Whether others may have the same address, if they ask for this as well. */
  readonly reusePort: boolean
}

/** What a socket was asked for, and what it is bound to. */
export interface Bound {
  readonly asked: Asked
  readonly address: AddressInfo | string
}

const IPV4_WILDCARD = '0.0.0.0'
const IPV6_WILDCARD = '::'
const MAPPED = '::ffff:'

/**
 * Whether the kernel would treat the request as one for the listener's own address. A request for
 * TCP names a port other than 0.
 */
export function isSame({ asked, address }: Bound, request: Asked): boolean {
  if (typeof address === 'string') return request.port === -1 && isSamePath(address, request.address ?? '')
  return request.port === address.port && isSameHost({ asked, address }, request)
}

/** Paths are compared as absolute paths. A name in the abstract namespace is not a path. */
export function isSamePath(one: string, other: string): boolean {
  return one === other || (!one.startsWith('\0') && !other.startsWith('\0') && resolve(one) === resolve(other))
}

/** Whether the hosts are the same. Ports are not compared. */
export function isSameHost({ asked, address }: Bound, request: Asked): boolean {
  if (typeof address === 'string' || request.port === -1) return false
  if (request.address === null && asked.address === null) return request.ipv6Only === asked.ipv6Only
  const isIpv6Only = address.family === 'IPv6' && asked.ipv6Only
  const wants = canonical(request.address ?? IPV6_WILDCARD)
  return wants === address.address && isIpv6Only === (wants.includes(':') && request.ipv6Only)
}

/** Whether a thread that has one of the two addresses cannot have the other. */
export function excludes(bound: Bound, request: Asked): boolean {
  const canShare = bound.asked.reusePort && request.reusePort
  return !canShare && (isSame(bound, request) || overlaps(bound, request))
}

/** Whether the kernel lets only one of the two addresses be bound. */
export function overlaps({ asked, address }: Bound, request: Asked): boolean {
  if (typeof address === 'string' || address.port !== request.port) return false
  const [one, other] = [asIpv4(address.address), asIpv4(canonical(request.address ?? IPV6_WILDCARD))]
  if (isIpv6(one) === isIpv6(other)) return one === other || isWildcard(one) || isWildcard(other)
  const [v6, ipv6Only] = isIpv6(one) ? [one, asked.ipv6Only] : [other, request.ipv6Only]
  return v6 === IPV6_WILDCARD && !ipv6Only
}

/** The kernel treats an IPv4-mapped IPv6 address (`::ffff:1.2.3.4`) as the IPv4 address. */
function asIpv4(address: string): string {
  return address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address
}

/** The address as the kernel writes it. */
export function canonical(address: string): string {
  try {
    return new SocketAddress({ address, family: isIpv6(address) ? 'ipv6' : 'ipv4' }).address
  } catch {
    // The address has an interface's name, or is not an address. In the latter case the bind fails.
    return address
  }
}

function isIpv6(address: string): boolean {
  return address.includes(':')
}

function isWildcard(address: string): boolean {
  return address === IPV4_WILDCARD || address === IPV6_WILDCARD
}
