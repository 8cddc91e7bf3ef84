import { type AddressInfo, SocketAddress } from 'node:net'
import { resolve } from 'node:path'

/** What a worker asks for: -1 as the port means a Unix socket's path. */
export interface Asked {
  readonly address: string | null
  readonly port: number
  readonly ipv6Only: boolean
  /** Others may have the same address, if they say so, too. */
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
 * Whether the kernel would take the request for the listener's own address. Of TCP, the request
 * names a port.
 */
export function isSame({ asked, address }: Bound, request: Asked): boolean {
  if (typeof address === 'string') return request.port === -1 && isSamePath(address, request.address ?? '')
  return request.port === address.port && isSameHost({ asked, address }, request)
}

/** A name in the abstract namespace is no path. */
export function isSamePath(one: string, other: string): boolean {
  return one === other || (!one.startsWith('\0') && !other.startsWith('\0') && resolve(one) === resolve(other))
}

/** The same, whatever the port. */
export function isSameHost({ asked, address }: Bound, request: Asked): boolean {
  if (typeof address === 'string' || request.port === -1) return false
  if (request.address === null && asked.address === null) return request.ipv6Only === asked.ipv6Only
  const isIpv6Only = address.family === 'IPv6' && asked.ipv6Only
  const wants = canonical(request.address ?? IPV6_WILDCARD)
  return wants === address.address && isIpv6Only === (wants.includes(':') && request.ipv6Only)
}

/** Whether a thread that has one of them cannot have the other. */
export function excludes(bound: Bound, request: Asked): boolean {
  const canShare = bound.asked.reusePort && request.reusePort
  return !canShare && (isSame(bound, request) || overlaps(bound, request))
}

/** Whether the kernel has room for only one of them. */
export function overlaps({ asked, address }: Bound, request: Asked): boolean {
  if (typeof address === 'string' || address.port !== request.port) return false
  const [one, other] = [asIpv4(address.address), asIpv4(canonical(request.address ?? IPV6_WILDCARD))]
  if (isIpv6(one) === isIpv6(other)) return one === other || isWildcard(one) || isWildcard(other)
  const [v6, ipv6Only] = isIpv6(one) ? [one, asked.ipv6Only] : [other, request.ipv6Only]
  return v6 === IPV6_WILDCARD && !ipv6Only
}

/** The kernel takes an IPv4 address as IPv6 writes it for one of IPv4. */
function asIpv4(address: string): string {
  return address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address
}

/** As the kernel names it. */
export function canonical(address: string): string {
  try {
    return new SocketAddress({ address, family: isIpv6(address) ? 'ipv6' : 'ipv4' }).address
  } catch {
    // With an interface's name, or none at all, which the bind finds out.
    return address
  }
}

function isIpv6(address: string): boolean {
  return address.includes(':')
}

function isWildcard(address: string): boolean {
  return address === IPV4_WILDCARD || address === IPV6_WILDCARD
}
