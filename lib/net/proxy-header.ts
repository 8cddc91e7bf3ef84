import net from 'node:net'

/** An address that the header names: the client's, or the one that the client connected to. */
export interface ProxiedAddress {
  readonly address: string
  readonly family: 'IPv4' | 'IPv6'
  readonly port: number
}

/**
 * The addresses in a header. A header that names none (LOCAL, UNKNOWN, a Unix socket) has null
 * instead, and the connection's own addresses apply.
 */
export interface ProxiedAddresses {
  readonly source: ProxiedAddress
  readonly destination: ProxiedAddress
}

export type ProxyHeader =
  | { readonly kind: 'whole'; readonly length: number; readonly addresses: ProxiedAddresses | null }
  | { readonly kind: 'partial' }
  | { readonly kind: 'bad' }

/**
 * The longest header that is accepted, in bytes. Version 2 allows 65,551 bytes; headers in practice
 * have a few hundred, which include certificates' names.
 */
export const MAX_HEADER = 4096

const MAX_V1 = 107
const V1 = Buffer.from('PROXY ', 'latin1')
const V2 = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])
const V2_FIXED = 16
const LOCAL = 0x20
const PROXY = 0x21
const TLV_FIXED = 3
const CR = 0x0d

const PARTIAL = { kind: 'partial' } as const
const BAD = { kind: 'bad' } as const

/**
 * The size in bytes of an address block, and of each address in it, by version 2's family and
 * transport.
 */
const blocks: Readonly<Record<number, { readonly bytes: number; readonly address: number }>> = {
  // Unspecified.
  0: { bytes: 0, address: 0 },
  // TCP over IPv4 and IPv6.
  17: { bytes: 12, address: 4 },
  33: { bytes: 36, address: 16 },
  // A Unix stream.
  49: { bytes: 216, address: 0 },
}

/**
 * Parses the PROXY protocol header, version 1 (text) or 2 (binary), that these bytes begin with.
 * The facts are from its specification, haproxy's doc/proxy-protocol.txt. Version 2's extensions
 * (TLVs) are skipped, after a check that they fill the header; a checksum among them is not
 * verified.
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (beginsLike(bytes, V2)) return bytes.length < V2_FIXED ? PARTIAL : parseV2(bytes)
  return beginsLike(bytes, V1) ? parseV1(bytes) : BAD
}

/** Whether `bytes` begins with `start`, or, if `bytes` is shorter, is a beginning of it. */
function beginsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, length, 0, length) === 0
}

function parseV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, MAX_V1).indexOf('\r\n')
  if (end === -1) {
    const isFull = bytes.length >= MAX_V1
    // A valid line has one CR, at its end.
    const cr = bytes.indexOf(CR)
    return isFull || (cr !== -1 && cr !== bytes.length - 1) ? BAD : PARTIAL
  }
  const length = end + 2
  const line = bytes.toString('latin1', 0, end)
  if (/^PROXY UNKNOWN(?: [ -~]*)?$/.test(line)) return { kind: 'whole', length, addresses: null }
  const [, version, from, to, fromPort, toPort] = /^PROXY TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(line) ?? []
  const family = version === '6' ? 'IPv6' : 'IPv4'
  // An address with a zone is refused: a zone has a meaning on one machine only.
  const isAddress = (text = ''): boolean =>
    family === 'IPv6' ? net.isIPv6(text) && !text.includes('%') : net.isIPv4(text)
  if (!isAddress(from) || !isAddress(to) || !isPort(fromPort) || !isPort(toPort)) return BAD
  const source = { address: String(from), family, port: Number(fromPort) } as const
  const destination = { address: String(to), family, port: Number(toPort) } as const
  return { kind: 'whole', length, addresses: { source, destination } }
}

function isPort(text = ''): boolean {
  return /^(0|[1-9]\d*)$/.test(text) && Number(text) <= 0xffff
}

function parseV2(bytes: Buffer): ProxyHeader {
  const [command, transport] = [bytes[12], bytes[13]]
  const length = V2_FIXED + bytes.readUInt16BE(14)
  if ((command !== LOCAL && command !== PROXY) || length > MAX_HEADER) return BAD
  // The specification says to ignore the content of a LOCAL header, but not its length.
  const block = command === LOCAL ? { bytes: 0, address: 0 } : blocks[transport]
  if (!block || length < V2_FIXED + block.bytes) return BAD
  if (bytes.length < length) return PARTIAL
  if (command === PROXY && transport !== 0 && !areTlvs(bytes.subarray(V2_FIXED + block.bytes, length))) return BAD
  return { kind: 'whole', length, addresses: block.address === 0 ? null : addressesOf(bytes, block.address) }
}

function areTlvs(bytes: Buffer): boolean {
  let at = 0
  while (at + TLV_FIXED <= bytes.length) at += TLV_FIXED + bytes.readUInt16BE(at + 1)
  return at === bytes.length
}

function addressesOf(bytes: Buffer, size: number): ProxiedAddresses {
  const ports = V2_FIXED + 2 * size
  const at = (offset: number, port: number): ProxiedAddress => {
    const raw = bytes.subarray(offset, offset + size)
    return size === 4
      ? { address: raw.join('.'), family: 'IPv4', port }
      : { address: ipv6Text(raw), family: 'IPv6', port }
  }
  return {
    source: at(V2_FIXED, bytes.readUInt16BE(ports)),
    destination: at(V2_FIXED + size, bytes.readUInt16BE(ports + 2)),
  }
}

/** The address in its shortest form, as Node and the kernel write it. */
function ipv6Text(raw: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => raw.readUInt16BE(i * 2).toString(16))
  return new net.SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}
