import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net, { type Socket } from 'node:net'
import t from 'tap'
import { BackendAgent } from '../../examples/ingress-gateway/proxy/backend-agent.ts'
import { createProxy } from '../../examples/ingress-gateway/proxy/server.ts'
import { until, within } from '../deadline.ts'
import { anyHost, deferred, listening, proxyTo, raw, rawServer } from './servers.ts'

/** Requests that take their time, and clients that go before they have their answers. */

const close = 'Connection: close\r\n\r\n'

t.test('how long a body may take is not bounded', async (t) => {
  const proxy = createProxy({ virtualHosts: [], backends: {}, backendTimeout: 1 })
  t.equal(proxy.requestTimeout, 0)
  t.ok(proxy.headersTimeout > 0)
})

t.test('a body that pauses for too long: 408, and the backend is told', async (t) => {
  const arrived = deferred<Socket>()
  const backend = await rawServer(t, (socket) => arrived.resolve(socket))
  const port = await proxyTo(t, backend, 30_000, { idleTimeout: 100 })
  const answer = raw(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab')
  const closed = once(await arrived.promise, 'close')
  t.match(await answer, { head: /^HTTP\/1\.1 408 Request Timeout\r\n/, body: 'the request did not come in time\n' })
  await closed
})

t.test('a body that the backend does not take: 504', async (t) => {
  const backend = await rawServer(t, (socket) => socket.pause())
  const port = await proxyTo(t, backend, 30_000, { idleTimeout: 200 })
  const client = net.connect(port, '127.0.0.1').setEncoding('latin1')
  client.on('error', () => undefined)
  client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n')
  const chunk = Buffer.alloc(1 << 20)
  const feed = (): void => {
    while (!client.destroyed && client.write(chunk));
  }
  client.on('drain', feed)
  feed()
  const [answer] = await once(client, 'data')
  t.match(answer, /^HTTP\/1\.1 504 Gateway Timeout\r\n/)
  client.destroy()
})

t.test('an answer may take longer than a pause of the request’s body', async (t) => {
  const arrived = deferred<http.ServerResponse>()
  const backend = http.createServer((req, res) => {
    req.resume().on('end', () => arrived.resolve(res))
  })
  const port = await proxyTo(t, await listening(t, backend), 30_000, { idleTimeout: 50 })
  const answer = raw(port, `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n${close}ab`)
  const res = await arrived.promise
  // Nothing tells that nothing happens: longer than the time out is long enough.
  await new Promise((resolve) => setTimeout(resolve, 200))
  res.end('late')
  t.match(await answer, { head: /^HTTP\/1\.1 200 OK/, body: 'late' })
})

t.test('the connection of a request that was given up before it was made is used by the next, or ends', async (t) => {
  const sockets: Socket[] = []
  const backend = http.createServer((_, res) => res.end('ok'))
  backend.on('connection', (socket) => sockets.push(socket))
  const port = await listening(t, backend)
  const agent = new BackendAgent()
  t.teardown(() => agent.destroy())
  const ask = (): http.ClientRequest => http.request({ port, host: '127.0.0.1', agent }).on('error', () => undefined)
  const given = ask()
  given.end()
  given.destroy()
  await new Promise((resolve) => given.once('close', resolve))
  const next = ask()
  next.end()
  const [answer] = (await once(next, 'response')) as [IncomingMessage]
  answer.resume()
  await once(answer, 'end')
  const kept = (): number => Object.keys(agent.sockets).length + Object.keys(agent.freeSockets).length
  await until('all connections are closed', () => sockets.every((socket) => socket.destroyed) && kept() === 0)
  t.ok(sockets.length > 0 && sockets.length <= 2, `${sockets.length} connections`)
})

t.test('clients that go at any moment leave no request and no connection behind', async (t) => {
  let open = 0
  const backend = http.createServer((req, res) => {
    open++
    res.once('close', () => open--)
    req.resume()
    if (req.url === '/answered') res.write('start')
  })
  const server = createProxy({
    virtualHosts: anyHost,
    backends: { 'backend:80': `http://127.0.0.1:${await listening(t, backend)}` },
    backendTimeout: 30_000,
  })
  const port = await listening(t, server)
  const clients = Array.from({ length: 30 }, (_, i) => {
    const client = net.connect(port, '127.0.0.1').on('error', () => undefined)
    const body =
      i % 2 ? 'POST /answered HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab' : 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
    client.write(body)
    return { client, i }
  })
  await Promise.all(
    clients.map(async ({ client, i }) => {
      if (i % 3 === 1) await once(client, 'connect')
      if (i % 3 === 2 && i % 2 === 1) await once(client, 'data')
      client.destroy()
    }),
  )
  const clientsOf = (): Promise<number> => new Promise((resolve) => server.getConnections((_, n) => resolve(n)))
  await until('no request and no connection is left', async () => open === 0 && (await clientsOf()) === 0)
  t.pass('all are gone')
})

t.test('a client that goes before its turn leaves none of its requests behind', async (t) => {
  const arrived = new Set<Socket>()
  const all = deferred<void>()
  const backend = await rawServer(t, (socket) => {
    arrived.add(socket)
    socket.once('close', () => arrived.delete(socket))
    if (arrived.size === 3) all.resolve()
    // More than is kept for a client that does not read.
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n')
    socket.write(Buffer.alloc(1_000_000))
  })
  const client = net.connect(await proxyTo(t, backend, 0), '127.0.0.1').on('error', () => undefined)
  const post = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab'
  client.write(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${post}${post}`)
  await all.promise
  client.destroy()
  await until('no connection to the backend is left', () => arrived.size === 0)
  t.pass('all are gone')
})

const upgrade = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
for (const [what, request] of [
  ['its upgrade is answered', upgrade],
  ['it is the turn of its upgrade', `GET / HTTP/1.1\r\nHost: x\r\n\r\n${upgrade}`],
  ['it is the turn of its CONNECT', 'GET / HTTP/1.1\r\nHost: x\r\n\r\nCONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n'],
]) {
  t.test(`a client that ends its side before ${what} has gone`, async (t) => {
    const arrived = deferred<Socket>()
    const client = net.connect(await proxyTo(t, await rawServer(t, arrived.resolve), 0), '127.0.0.1')
    client.write(request)
    const closed = once(await arrived.promise, 'close')
    client.resume().end()
    await within('both connections are closed', Promise.all([closed, once(client, 'close')]))
    t.equal(client.destroyed, true)
  })
}

for (const rest of ['', 'cd']) {
  const what = rest === '' ? 'no more of its body' : 'all of its body'
  t.test(`a client that is answered early and sends ${what} does not stay`, async (t) => {
    const backend = await rawServer(t, (socket) => socket.write('HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno'))
    const proxy = createProxy({
      virtualHosts: anyHost,
      backends: { 'backend:80': `http://127.0.0.1:${backend}` },
      backendTimeout: 30_000,
    })
    proxy.keepAliveTimeout = 200
    const client = net.connect(await listening(t, proxy), '127.0.0.1').setEncoding('latin1')
    client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab')
    const ended = once(client, 'end')
    t.match(await once(client, 'data'), [/^HTTP\/1\.1 413 No\r\n/])
    client.resume().write(rest)
    await within('the connection ends', ended)
    t.equal(client.readableEnded, true)
  })
}

t.test('a body that pauses behind another request is noticed, too', async (t) => {
  const backend = http.createServer((req, res) => {
    req.resume().once('end', () => res.end('whole'))
  })
  const port = await proxyTo(t, await listening(t, backend), 30_000, { idleTimeout: 200 })
  const post = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na'
  const { body } = await raw(port, `${post}b${post}`)
  t.match(body, /whole[\s\S]*HTTP\/1\.1 408 /)
})
