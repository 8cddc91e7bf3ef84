import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net, { type Socket } from 'node:net'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { deferred, listening, proxyTo, raw, rawServer } from './servers.ts'

const handshake = [
  'GET /chat?a HTTP/1.1',
  'Host: x',
  'Connection: keep-alive, Upgrade',
  'Upgrade: WebSocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n')
const switching = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  '\r\n',
].join('\r\n')

t.test('WebSockets go through, both ways, with what they negotiate', async (t) => {
  const backend = http.createServer()
  const sockets = new WebSocketServer({ server: backend, handleProtocols: () => 'chat' })
  sockets.on('connection', (socket, req) => {
    socket.send(JSON.stringify([req.url, req.headers['x-forwarded-for'], req.headers.host]))
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  t.teardown(() => {
    for (const client of sockets.clients) client.terminate()
  })
  const port = await proxyTo(t, await listening(t, backend))
  const client = new WebSocket(`ws://127.0.0.1:${port}/chat?a`, 'chat', { headers: { host: 'x' } })
  const [first] = await once(client, 'message')
  t.strictSame(JSON.parse(String(first)), ['/chat?a', '127.0.0.1', 'x'])
  t.equal(client.protocol, 'chat')
  const big = Buffer.alloc(3 * 1024 * 1024, 7)
  client.send(big)
  t.ok(((await once(client, 'message'))[0] as Buffer).equals(big))
  client.close(4000, 'bye')
  t.strictSame((await once(client, 'close')).map(String), ['4000', 'bye'])
})

t.test('what comes with the handshake’s end is passed on, both ways', async (t) => {
  const got = deferred<string>()
  const backend = await rawServer(t, (socket) => {
    socket.setEncoding('latin1')
    let text = ''
    socket.on('data', (data) => {
      text += data
      if (text.endsWith('more')) got.resolve(text)
    })
    socket.write(`${switching}early\xe9`, 'latin1')
  })
  const port = await proxyTo(t, backend)
  const client = net.connect(port, '127.0.0.1').setEncoding('latin1')
  client.write(`${handshake}hasty`)
  let text = ''
  while (!text.endsWith('early\xe9')) text += (await once(client, 'data'))[0]
  t.match(
    text,
    /^HTTP\/1\.1 101 Switching Protocols\r\n[\s\S]*\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nearly\xe9$/,
  )
  t.match(text, '\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n')
  client.write('more')
  t.equal(await got.promise, 'hastymore')
  client.destroy()
})

for (const side of ['client', 'backend'] as const) {
  t.test(`a WebSocket that its ${side} ends or breaks off ends for both`, async (t) => {
    for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const arriving = deferred<Socket>()
      const own = await proxyTo(
        t,
        await rawServer(t, (socket) => {
          socket.write(switching)
          arriving.resolve(socket)
        }),
      )
      const client = net.connect(own, '127.0.0.1')
      client.on('error', () => undefined)
      client.write(handshake)
      await once(client, 'data')
      const far = await arriving.promise
      const [mine, other] = side === 'client' ? [client, far] : [far, client]
      other.resume()
      mine.resume()
      const closed = new Promise((resolve) => other.once('close', resolve))
      mine[end]()
      await closed
      t.pass(end)
    }
  })
}

const refusals: [what: string, answer: string, expected: RegExp][] = [
  [
    '403 with a body',
    'HTTP/1.1 403 Nope\r\nContent-Length: 2\r\nX-Why: x\r\n\r\nno',
    /^HTTP\/1\.1 403 Nope\r\n[\s\S]*X-Why: x\r\n[\s\S]*\r\n\r\nno$/,
  ],
  [
    '426',
    'HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 12\r\n\r\n',
    /^HTTP\/1\.1 426 Upgrade Required\r\nSec-WebSocket-Version: 12\r\n/,
  ],
  [
    '200',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    /^HTTP\/1\.1 200 OK\r\n[\s\S]*2\r\nok\r\n0\r\n\r\n$/,
  ],
  [
    'another protocol',
    'HTTP/1.1 101 X\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n',
    /^HTTP\/1\.1 502 Bad Gateway\r\n/,
  ],
  ['nothing', '', /^HTTP\/1\.1 503 Service Unavailable\r\n/],
  ['garbage', 'garbage\r\n\r\n', /^HTTP\/1\.1 502 Bad Gateway\r\n/],
]
for (const [what, answer, expected] of refusals) {
  t.test(`a backend that answers a WebSocket's handshake by ${what} is heard, and the connection ends`, async (t) => {
    const backend = await rawServer(t, (socket) => socket.end(answer))
    const { head, body } = await raw(await proxyTo(t, backend), handshake)
    t.match(`${head}\r\n\r\n${body}`, expected)
    t.match(head, /\r\nconnection: close/i)
  })
}

t.test('a WebSocket without a route is 404', async (t) => {
  const { head } = await raw(await proxyTo(t, 1), handshake.replace('Host: x', 'Host: y'))
  t.match(head, /^HTTP\/1\.1 404 Not Found\r\n/)
})

t.test('a client that leaves during the handshake takes its request with it', async (t) => {
  const arriving = deferred<Socket>()
  const port = await proxyTo(t, await rawServer(t, (socket) => arriving.resolve(socket)), 500)
  const client = net.connect(port, '127.0.0.1')
  client.write(handshake)
  const far = await arriving.promise
  far.resume()
  client.resetAndDestroy()
  await once(far, 'close')
  t.pass('at the latest when the answer is due')
})

t.test('a WebSocket waits for the answers to earlier requests', async (t) => {
  const first = deferred<http.ServerResponse>()
  const backend = http.createServer((_, res) => first.resolve(res))
  backend.on('upgrade', (_req: IncomingMessage, socket: Socket) => socket.end(switching))
  const port = await proxyTo(t, await listening(t, backend))
  const answer = raw(port, `GET /first HTTP/1.1\r\nHost: x\r\n\r\n${handshake}`)
  ;(await first.promise).end('first')
  const { head, body } = await answer
  t.match(head, /^HTTP\/1\.1 200 OK\r\n/)
  t.match(body, /^firstHTTP\/1\.1 101 Switching Protocols\r\n/)
})
