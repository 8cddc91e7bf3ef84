import t from 'tap'
import { MAX_HEADER, type ProxyHeader, parseProxyHeader } from '../../lib/net/proxy-header.ts'
import { v2 } from './proxies.ts'

const ipv4 = {
  source: { address: '203.0.113.7', family: 'IPv4', port: 56324 },
  destination: { address: '198.51.100.1', family: 'IPv4', port: 443 },
} as const
const ipv6 = {
  source: { address: '2001:db8::7', family: 'IPv6', port: 1 },
  destination: { address: '::ffff:10.0.0.1', family: 'IPv6', port: 65535 },
} as const

const whole: Readonly<Record<string, readonly [header: Buffer, addresses: object | null]>> = {
  'v1 TCP4': [Buffer.from('PROXY TCP4 203.0.113.7 198.51.100.1 56324 443\r\n'), ipv4],
  'v1 TCP6': [Buffer.from('PROXY TCP6 2001:db8::7 ::ffff:10.0.0.1 1 65535\r\n'), ipv6],
  'v1 UNKNOWN': [Buffer.from('PROXY UNKNOWN\r\n'), null],
  'v1 UNKNOWN with more': [Buffer.from(`PROXY UNKNOWN ${'f'.repeat(90)}\r\n`), null],
  'v2 TCP4': [v2(0x21, 0x11, [203, 0, 113, 7, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb]), ipv4],
  'v2 TCP6': [
    v2(0x21, 0x21, [
      ...[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
      ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1],
      ...[0, 1, 0xff, 0xff],
    ]),
    ipv6,
  ],
  'v2 TCP4 with TLVs': [
    v2(0x21, 0x11, [203, 0, 113, 7, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb, 0x01, 0, 2, 0x68, 0x32, 0x04, 0, 0]),
    ipv4,
  ],
  'v2 LOCAL': [v2(0x20, 0x00, []), null],
  'v2 LOCAL with what is to be ignored': [v2(0x20, 0x11, [1, 2, 3]), null],
  'v2 unspecified': [v2(0x21, 0x00, [9, 9]), null],
  'v2 Unix': [v2(0x21, 0x31, new Array(216).fill(0)), null],
  'v2 as long as may be': [v2(0x21, 0x00, new Array(MAX_HEADER - 16).fill(7)), null],
}

for (const [name, [header, addresses]] of Object.entries(whole)) {
  t.test(`${name}: whole, in part, and with data behind it`, async (t) => {
    const expected = { kind: 'whole', length: header.length, addresses } as ProxyHeader
    t.strictSame(parseProxyHeader(header), expected)
    t.strictSame(parseProxyHeader(Buffer.concat([header, Buffer.from('PROXY GET / \r\n\r\n')])), expected)
    for (let length = 1; length < header.length; length++) {
      const { kind } = parseProxyHeader(header.subarray(0, length))
      if (kind !== 'partial') t.fail(`${length} bytes: ${kind}`)
    }
  })
}

const bad: Readonly<Record<string, Buffer | string>> = {
  'no header': 'GET / HTTP/1.1\r\n\r\n',
  TLS: Buffer.from([0x16, 3, 1]),
  'lower case': 'proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n',
  'another family': 'PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n',
  'an IPv6 address in TCP4': 'PROXY TCP4 ::1 1.2.3.4 1 1\r\n',
  'an IPv4 address in TCP6': 'PROXY TCP6 ::1 1.2.3.4 1 1\r\n',
  'an IPv6 address with a zone': 'PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n',
  'a name': 'PROXY TCP4 localhost 1.2.3.4 1 1\r\n',
  'an address with a zero before it': 'PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n',
  'a port too many': 'PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n',
  'a port too few': 'PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n',
  'port 65536': 'PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n',
  'port 01': 'PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n',
  'port -1': 'PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n',
  'two spaces': 'PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n',
  'a CR within': 'PROXY TCP4 1.2.3.4\r 1.2.3.4 1 1\r\n',
  'a line too long': `PROXY UNKNOWN ${'f'.repeat(100)}\r\n`,
  'no end': `PROXY UNKNOWN ${'f'.repeat(200)}`,
  'version 3': v2(0x31, 0x11, new Array(12).fill(0)),
  'another command': v2(0x22, 0x11, new Array(12).fill(0)),
  UDP: v2(0x21, 0x12, new Array(12).fill(0)),
  'too short for IPv4': v2(0x21, 0x11, new Array(11).fill(0)),
  'too short for IPv6': v2(0x21, 0x21, new Array(35).fill(0)),
  'TLVs that end beyond it': v2(0x21, 0x11, [...new Array(12).fill(0), 1, 0, 5, 1]),
  'half a TLV': v2(0x21, 0x11, [...new Array(12).fill(0), 1, 0]),
  'too long': v2(0x21, 0x11, new Array(MAX_HEADER).fill(0)),
}

for (const [name, header] of Object.entries(bad)) {
  t.test(`${name} is refused`, async (t) => t.equal(parseProxyHeader(Buffer.from(header)).kind, 'bad'))
}

t.test('whatever the bytes, it answers, and never reads beyond them', async (t) => {
  const headers = Object.values(whole).map(([header]) => header)
  let seed = 1
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return seed % below
  }
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(headers[random(headers.length)])
    for (let changes = random(4); changes > 0; changes--) bytes[random(bytes.length)] = random(256)
    const header = parseProxyHeader(bytes.subarray(0, 1 + random(bytes.length)))
    if (header.kind === 'whole' && header.length > bytes.length) t.fail(bytes.toString('hex'))
  }
  t.pass()
})
