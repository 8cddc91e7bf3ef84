import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net from 'node:net'
import t, { type Test } from 'tap'
import { anyHost, deferred, listening, proxyTo, raw } from './servers.ts'

/** What clients may ask, byte by byte, and what becomes of it. */

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'

/**
 * A proxy for every host whose backend says what it got. @returns the answer's head and the
 * request's, as it arrived
 */
async function asked(t: Test, request: string): Promise<{ head: string; body: string; arrived: string }> {
  let arrived = ''
  const backend = net.createServer((socket) => {
    socket.on('error', () => socket.destroy())
    t.teardown(() => socket.destroy())
    let request = ''
    socket.setEncoding('latin1').on('data', (chunk) => {
      request += chunk
      arrived += chunk
      const end = request.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/content-length: (\d+)/i.exec(request)?.[1] ?? 0)
      const isWhole = /transfer-encoding: chunked/i.test(request)
        ? request.endsWith('\r\n0\r\n\r\n')
        : request.length === end + 4 + length
      if (isWhole) socket.end(ok)
    })
  })
  const port = await proxyTo(t, await listening(t, backend), 30_000, { virtualHosts: anyHost })
  return { ...(await raw(port, request)), arrived }
}

const refused: [what: string, request: string, status: string][] = [
  [
    'another coding under its chunks',
    'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    '501 Not Implemented',
  ],
  [
    'two codings in two fields',
    'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    '501 Not Implemented',
  ],
  ['another coding', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nab', '501 Not Implemented'],
  [
    'chunks in HTTP/1.0',
    'POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    '400 Bad Request',
  ],
  [
    'a length and chunks',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    '400 Bad Request',
  ],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc', '400 Bad Request'],
  ['a list of lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc', '400 Bad Request'],
  ['a folded field', 'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n', '400 Bad Request'],
  ['a control character in a field', 'GET / HTTP/1.1\r\nHost: x\r\nA: b\x01c\r\n\r\n', '400 Bad Request'],
  ['a space before the colon', 'GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n', '400 Bad Request'],
  ['bare line feeds', 'GET / HTTP/1.1\nHost: x\n\n', '400 Bad Request'],
  ['HTTP/0.9', 'GET /\r\n\r\n', '400 Bad Request'],
  ['an unknown method', 'FOO / HTTP/1.1\r\nHost: x\r\n\r\n', '400 Bad Request'],
  ['bytes that are no URL', 'GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n', '400 Bad Request'],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', '400 Bad Request'],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n', '400 Bad Request'],
  ['two hosts in one', 'GET / HTTP/1.1\r\nHost: x, y\r\n\r\n', '400 Bad Request'],
  ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n', '400 Bad Request'],
  ['a URL without a host', 'GET http:///a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', '400 Bad Request'],
  ['the target *', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', '404 Not Found'],
  ['CONNECT', 'CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n', '404 Not Found'],
  [
    'an expectation that nobody knows',
    'GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n',
    '417 Expectation Failed',
  ],
  [
    '101 fields',
    `POST / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(99)}Content-Length: 2\r\n\r\nab`,
    '431 Request Header Fields Too Large',
  ],
  [
    '3,000 fields',
    `POST / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(3000)}Content-Length: 2\r\n\r\nab`,
    '431 Request Header Fields Too Large',
  ],
  [
    'a header of 61 KiB',
    `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(61 * 1024)}\r\n\r\n`,
    '431 Request Header Fields Too Large',
  ],
]
for (const [what, request, status] of refused) {
  t.test(`a request with ${what} is ${status}, and no backend sees it`, async (t) => {
    const { head, arrived } = await asked(t, request)
    t.equal(head.split('\r\n')[0], `HTTP/1.1 ${status}`)
    t.equal(arrived, '')
  })
}

const version = 'HTTP/1.1\r\nHost: x\r\n'
const close = 'Connection: close\r\n\r\n'
const accepted: [what: string, request: string, arrived: RegExp | string][] = [
  ['100 fields', `GET / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(98)}${close}`, /(A: b\r\n){98}/],
  ['a header of 59 KiB', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(59 * 1024)}\r\n${close}`, /A: a{60416}\r\n/],
  ['bytes in a field', `GET / HTTP/1.1\r\nHost: x\r\nA: \xe9\xff\r\n${close}`, 'A: \xe9\xff\r\n'],
  [
    'bytes in a field and a body',
    `POST / HTTP/1.1\r\nHost: x\r\nA: \xe9\xff\r\nContent-Length: 2\r\n${close}\xe9\xff`,
    /A: \xe9\xff\r\n[\s\S]*\r\n\r\n\xe9\xff$/,
  ],
  ['an empty Host', `GET / HTTP/1.1\r\nHost:\r\n${close}`, /^GET \/ HTTP\/1\.1\r\nhost: \r\n/],
  ['no Host in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', /^GET \/ HTTP\/1\.1\r\nhost: \r\n/],
  [
    'an absolute target',
    `GET http://Y:8080/a?b HTTP/1.1\r\nHost: x\r\n${close}`,
    /^GET \/a\?b HTTP\/1\.1\r\nhost: Y:8080\r\n/,
  ],
  ['a trailing dot in its Host', `GET / HTTP/1.1\r\nHost: x.\r\n${close}`, 'host: x.\r\n'],
  [
    'chunks and trailers',
    `POST / ${version}TE: trailers\r\nTrailer: t\r\nTransfer-Encoding: chunked\r\n${close}2\r\nab\r\n0\r\nT: 1\r\n\r\n`,
    /^(?![\s\S]*(trailer|\nT:))[\s\S]*\r\n\r\n2\r\nab\r\n0\r\n\r\n$/i,
  ],
  [
    'GET with a body',
    `GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n${close}ab`,
    /content-length: 2\r\n[\s\S]*\r\n\r\nab$/i,
  ],
  [
    'GET with chunks',
    `GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${close}2\r\nab\r\n0\r\n\r\n`,
    /transfer-encoding: chunked\r\n[\s\S]*\r\n\r\n2\r\nab\r\n0\r\n\r\n$/i,
  ],
  ['Connection: close', `GET / HTTP/1.1\r\nHost: x\r\n${close}`, /\r\nConnection: keep-alive\r\n\r\n$/],
]
for (const [what, request, expected] of accepted) {
  t.test(`a request with ${what} reaches the backend`, async (t) => {
    const { head, body, arrived } = await asked(t, request)
    t.match(head, /^HTTP\/1\.1 200 OK\r\n/)
    t.equal(body, 'ok')
    t.match(arrived, expected)
    t.match(arrived, /\r\nx-request-id: [0-9a-f-]{36}\r\n/)
  })
}

const upgrades: [what: string, request: string, arrived: RegExp][] = [
  [
    'h2c',
    `GET / ${version}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
    /^GET \/ /,
  ],
  [
    'h2c and a body',
    `POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab`,
    /^POST \/ [\s\S]*\r\n\r\nab$/,
  ],
  [
    'h2c and chunks',
    `POST / ${version}Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
    /\r\n\r\n2\r\nab\r\n0\r\n\r\n$/,
  ],
  ['TLS', `OPTIONS / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n`, /^OPTIONS \/ /],
  [
    'a WebSocket by POST',
    `POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    /^POST \/ /,
  ],
]
for (const [what, request, expected] of upgrades) {
  t.test(`a request for an upgrade to ${what} is a plain request`, async (t) => {
    const { head, body, arrived } = await asked(t, request.replace('Connection: ', 'Connection: close, '))
    t.match(head, /^HTTP\/1\.1 200 OK\r\n/)
    t.equal(body, 'ok')
    t.match(arrived, expected)
    t.notMatch(arrived, /upgrade|http2-settings/i)
  })
}

t.test('an upgrade after a request that is refused is answered, too', async (t) => {
  const port = await proxyTo(t, 1, 30_000, { virtualHosts: anyHost })
  const upgrade = `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
  const refused = 'GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n'
  const { head, body } = await raw(port, refused + upgrade)
  t.match(head, /^HTTP\/1\.1 417 /)
  t.match(body, /HTTP\/1\.1 503 Service Unavailable\r\n/)
})

t.test('an upgrade waits for the answers to earlier requests', async (t) => {
  const first = deferred<http.ServerResponse>()
  const backend = http.createServer((req, res) => {
    if (req.url === '/first') first.resolve(res)
    else res.end(req.url)
  })
  const port = await proxyTo(t, await listening(t, backend))
  const upgrade = 'GET /second HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'
  const answer = raw(port, `GET /first HTTP/1.1\r\nHost: x\r\n\r\n${upgrade}GET /third HTTP/1.1\r\nHost: x\r\n${close}`)
  ;(await first.promise).end('/first')
  const { body } = await answer
  t.match(body, /^\/firstHTTP[\s\S]*\r\n\r\n\/secondHTTP[\s\S]*\r\n\r\n\/third$/)
})

t.test('a request’s head reaches the backend before its body does', async (t) => {
  const arrived = deferred<IncomingMessage>()
  const backend = http.createServer((req, res) => {
    arrived.resolve(req)
    req.resume().on('end', () => res.end())
  })
  const port = await proxyTo(t, await listening(t, backend))
  const client = net.connect(port, '127.0.0.1')
  client.write(`POST / HTTP/1.1\r\nHost: x\r\nX-A: \xe9\r\nContent-Length: 2\r\n${close}`, 'latin1')
  t.equal((await arrived.promise).headers['x-a'], '\xe9')
  client.write('ab')
  client.resume()
  await once(client, 'close')
})
