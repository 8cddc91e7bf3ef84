import '../shorter-waits.ts'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net, { type Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { drain } from '../../lib/worker/drain/drain.ts'
import { followHandshakes } from '../../lib/worker/drain/handshakes.ts'
import { closeSessions, followSessions } from '../../lib/worker/drain/http2-sessions.ts'
import { KeepAlives } from '../../lib/worker/drain/keep-alives.ts'
import { until, within } from '../deadline.ts'
import { cert, dial, get, key, LARGE, listen, NEVER, port, serve, serve2, stopListening } from './ending-servers.ts'

/**
 * How a worker's servers end connections on which nothing is under way: those of HTTP/1 by closing
 * the idle ones, those of HTTP/2 by GOAWAY.
 */

for (const secure of [false, true]) {
  t.test(`a connection that has been idle for long is closed at once${secure ? ' (TLS)' : ''}`, async (t) => {
    const server = secure ? https.createServer({ key, cert }) : http.createServer()
    server.on('request', (_, response) => response.end('x'))
    await listen(t, server)
    const connections = once(server, secure ? 'secureConnection' : 'connection')
    const agent = secure
      ? new https.Agent({ keepAlive: true, rejectUnauthorized: false })
      : new http.Agent({ keepAlive: true })
    t.teardown(() => agent.destroy())
    const freed = once(agent, 'free')
    const options = { port: port(server), agent }
    const request = secure ? https.get(options) : http.get(options)
    request.on('response', (response) => response.resume())
    const [[socket], [client]] = await Promise.all([connections, freed])
    // The time that it has been idle is what this is about.
    await delay(20)
    // Its agent does not hold the loop for it, and the server soon does not either.
    client.ref()
    const closed = once(client, 'close')
    stopListening(server)
    new KeepAlives(server, NEVER, 10).end()
    await immediate()
    t.equal(socket.destroyed, true)
    await closed
  })
}

t.test('a connection that has come just now is not: it gets its answer', async (t) => {
  const { server } = await serve(t)
  const arrived = once(server, 'connection')
  const client = await dial(t, server)
  const [socket] = await arrived
  drain([server], 'SIGTERM', () => undefined)
  await immediate()
  t.equal(socket.destroyed, false)
  client.write(get('/'))
  t.match(await text(client), /connection: close/i)
})

t.test('an answer that is on its way to a slow client is not cut', async (t) => {
  const { server } = await serve(t)
  const arrived = once(server, 'connection')
  const client = await dial(t, server)
  const [socket] = await arrived
  client.pause()
  client.write(get('/large'))
  await until('the server has something to write', () => socket.writableLength > 0)
  stopListening(server)
  new KeepAlives(server, 0).end()
  await immediate()
  t.equal(socket.destroyed, false)
  t.ok((await text(client)).length > LARGE, 'all of it came')
})

t.test('a connection that becomes idle afterwards is closed', async (t) => {
  const { server, held } = await serve(t)
  const client = await dial(t, server)
  client.write(get('/begun'))
  await once(client, 'data')
  drain([server], 'SIGTERM', () => undefined)
  // Its head said that the connection lives on.
  held[0].end('x')
  await within('the connection is closed', once(client.resume(), 'close'))
  t.equal(held[0].writableFinished, true)
})

/** Clients that say nothing, or not all. */
const silent: Record<string, (t: Test, server: Server) => Promise<net.Socket>> = {
  'says nothing': dial,
  'has begun a TLS handshake': async (t, server) => {
    const client = await dial(t, server)
    client.write(Buffer.from('1603010200010001fc', 'hex'))
    return client
  },
  'has done its TLS handshake, and says nothing': async (t, server) => {
    const client = tls.connect({ port: port(server), rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] })
    t.teardown(() => client.destroy())
    await once(client, 'secureConnect')
    return client
  },
}
const tlsOptions = { key, cert }
const silentAt: [server: string, create: () => Server, clients: readonly string[]][] = [
  ['HTTP', () => http.createServer(), Object.keys(silent).slice(0, 1)],
  ['HTTPS', () => https.createServer(tlsOptions), Object.keys(silent)],
  ['HTTP/2', () => http2.createServer(), Object.keys(silent).slice(0, 1)],
  ['HTTP/2 with TLS', () => http2.createSecureServer(tlsOptions), Object.keys(silent)],
  [
    'HTTP/2 with TLS and HTTP/1',
    () => http2.createSecureServer({ ...tlsOptions, allowHTTP1: true }),
    Object.keys(silent),
  ],
]

t.test('a client that says nothing, or not all, does not hold up the drain', { jobs: 20 }, async (t) => {
  for (const [name, create, clients] of silentAt) {
    for (const what of clients) {
      t.test(`of ${name}, if it ${what}`, async (t) => {
        const server = create()
        followSessions(server)
        followHandshakes(server)
        await listen(t, server)
        const arrived = once(server, 'connection')
        const client = await silent[what](t, server)
        const closed = once(client.resume(), 'close')
        client.on('error', () => undefined)
        await arrived
        drain([server], 'SIGTERM', () => undefined)
        await within('the connection is closed', closed)
        t.equal(client.destroyed, true)
      })
    }
  }

  for (const secure of [false, true]) {
    t.test(
      `of HTTP${secure ? 'S' : ''}, if it has sent a part of a head: it is told that it may send it again`,
      async (t) => {
        const server = secure ? https.createServer(tlsOptions) : http.createServer()
        await listen(t, server)
        const client = secure
          ? await silent['has done its TLS handshake, and says nothing'](t, server)
          : await dial(t, server)
        client.write('POST / HTTP/1.1\r\nHost: x\r\n')
        drain([server], 'SIGTERM', () => undefined)
        t.match(await text(client), /^HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n\r\n$/)
      },
    )
  }
})

t.test('nor does it if the app closes its server itself, on its own handler of the signal', async (t) => {
  const { server } = await serve(t)
  const client = await dial(t, server)
  const closed = once(client.resume(), 'close')
  const handler = (): void => void server.close()
  process.once('SIGTERM', handler)
  drain([server], 'SIGTERM', () => t.fail('it is left to the app'))
  await within('the connection is closed', closed)
  t.equal(server.listening, false)
})

t.test("what is no HTTP, or not any more, is the app's to close", async (t) => {
  const upgrading = http.createServer().on('upgrade', (_, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
  })
  const secure = https.createServer(tlsOptions).on('upgrade', (_, socket) => upgrading.emit('upgrade', _, socket))
  const others = [net.createServer(), tls.createServer(tlsOptions)]
  const sockets: net.Socket[] = []
  for (const server of [upgrading, secure, ...others]) {
    followHandshakes(server)
    server.on('connection', (socket) => sockets.push(socket))
    await listen(t, server)
  }
  const arrived = Promise.all(others.map((server) => once(server, 'connection')))
  const clients = [
    await dial(t, upgrading),
    await silent['has done its TLS handshake, and says nothing'](t, secure),
    ...(await Promise.all(others.map((server) => dial(t, server)))),
  ]
  await arrived
  for (const client of clients.slice(0, 2)) {
    client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    t.match(String((await once(client, 'data'))[0]), /^HTTP\/1.1 101/)
  }
  for (const server of [upgrading, secure, ...others]) {
    stopListening(server)
    new KeepAlives(server, 0, 0).end()
  }
  await immediate()
  t.strictSame(
    sockets.map(({ destroyed }) => destroyed),
    [false, false, false, false],
  )
})

for (const secure of [false, true]) {
  const name = secure ? 'secure' : 'in the clear'

  t.test(`HTTP/2 ${name}: GOAWAY at once, streams in flight are served, and then the session closes`, async (t) => {
    const { server, session } = await serve2(t, secure)
    const [goaway, closed] = [once(session, 'goaway'), once(session, 'close')]
    const held = session.request({ ':path': '/held' })
    await once(server, 'stream')
    drain([server], 'SIGTERM', () => undefined)
    t.equal((await goaway)[0], http2.constants.NGHTTP2_NO_ERROR)
    t.equal(session.destroyed, false, 'a stream is open still')
    server.emit('let-go')
    t.equal(await text(held), 'held')
    await closed
  })

  t.test(`HTTP/2 ${name}: an idle session closes`, async (t) => {
    const { server, session } = await serve2(t, secure)
    t.equal(await text(session.request({ ':path': '/' })), 'x')
    const closed = once(session, 'close')
    drain([server], 'SIGTERM', () => undefined)
    await closed
  })

  t.test(`HTTP/2 ${name}: a session that comes afterwards gets its first answer, and closes`, async (t) => {
    const { server, session } = await serve2(t, secure)
    closeSessions(server)
    t.equal(await text(session.request({ ':path': '/' })), 'x')
    await once(session, 'close')
  })
}
