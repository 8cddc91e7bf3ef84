import '../shorter-waits.ts'
import { once } from 'node:events'
import fs from 'node:fs'
import http, { type ServerResponse } from 'node:http'
import http2, { type Http2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo, type Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { drain } from '../../lib/worker/drain/drain.ts'
import { followHandshakes } from '../../lib/worker/drain/handshakes.ts'
import { closeSessions, followSessions } from '../../lib/worker/drain/http2-sessions.ts'
import { KeepAlives } from '../../lib/worker/drain/keep-alives.ts'
import { endWithNextResponse } from '../../lib/worker/drain/last-responses.ts'
import { until, within } from '../deadline.ts'
import { source } from '../programs.ts'

/**
 * How a worker's servers end their connections: of HTTP/1 by Connection: close and by closing the
 * idle ones, of HTTP/2 by GOAWAY.
 */

const key = fs.readFileSync(source('test/fixtures/localhost.key'))
const NEVER = Number.POSITIVE_INFINITY
const cert = fs.readFileSync(source('test/fixtures/localhost.crt'))

const waysToAnswer: [name: string, answer: (response: ServerResponse) => void][] = [
  ['nothing set', (response) => response.end('x')],
  ['setHeader', (response) => response.setHeader('Connection', 'keep-alive').end('x')],
  ['setHeader and writeHead', (response) => response.setHeader('connection', 'Keep-Alive').writeHead(201).end('x')],
  ['writeHead', (response) => response.writeHead(200, { connection: 'keep-alive' }).end('x')],
  ['writeHead over setHeader', (r) => r.setHeader('A', '1').writeHead(200, { Connection: 'keep-alive' }).end('x')],
  ['writeHead with pairs in a row', (response) => response.writeHead(200, ['Connection', 'keep-alive']).end('x')],
  ['with a length', (r) => r.writeHead(200, 'Fine', { Connection: 'keep-alive', 'Content-Length': 1 }).end('x')],
  ['the header removed', (response) => response.removeHeader('Connection') ?? response.end('x')],
  ['in pieces', (r) => r.setHeader('Connection', 'keep-alive') && r.write('x') && r.end()],
  ['no body', (response) => response.writeHead(304, { Connection: 'keep-alive' }).end()],
]

for (const [name, answer] of waysToAnswer) {
  t.test(`a request in flight is answered with Connection: close (${name})`, async (t) => {
    const { server, held } = await serve(t)
    const client = await dial(t, server)
    client.write(get('/held'))
    await untilHeld(held, 1)
    endWithNextResponse(server)
    answer(held[0])
    t.match(await text(client), /^connection: close\r$/im)
  })
}

t.test(
  'a request that comes later, on a connection that lives, is so too; an app that switches protocols is left alone',
  async (t) => {
    const { server } = await serve(t)
    const clients = await Promise.all([0, 1].map(() => dial(t, server)))
    for (const client of clients) {
      client.write(get('/'))
      t.match(String((await once(client, 'data'))[0]), /connection: keep-alive/i)
    }
    endWithNextResponse(server)
    clients[0].write(get('/'))
    t.match(await text(clients[0]), /connection: close/i)
    clients[1].write(get('/switch'))
    t.match(String((await once(clients[1], 'data'))[0]), /connection: upgrade/i)
  },
)

t.test('requests that were sent at once are all answered, and the last says that it is', async (t) => {
  const { server, held } = await serve(t)
  const client = await dial(t, server)
  client.write(get('/held') + get('/held') + get('/held'))
  await untilHeld(held, 3)
  endWithNextResponse(server)
  for (const response of held) response.end('x')
  t.strictSame(connectionsOf(await text(client)), ['keep-alive', 'keep-alive', 'close'])
})

t.test('so are they if handlers answer at once, to all methods, with bodies that nobody reads', async (t) => {
  const { server } = await serve(t)
  const client = await dial(t, server)
  endWithNextResponse(server)
  const post = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n${'x'.repeat(3000)}`
  const head = 'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n'
  const chunked = 'PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
  client.write((get('/') + post + head + chunked).repeat(5))
  t.strictSame(connectionsOf(await text(client)), [...new Array(19).fill('keep-alive'), 'close'])
})

t.test('so are they over TLS, each in a record of its own', async (t) => {
  const server = https.createServer({ key, cert }, (_, response) => response.end('x'))
  await listen(t, server)
  const client = tls.connect({ port: port(server), rejectUnauthorized: false })
  t.teardown(() => client.destroy())
  await once(client, 'secureConnect')
  endWithNextResponse(server)
  for (let i = 0; i < 20; i++) client.write(get('/'))
  t.strictSame(connectionsOf(await text(client)), [...new Array(19).fill('keep-alive'), 'close'])
})

t.test('so are they if the client takes its time to read, while most of them wait in the kernel', async (t) => {
  const count = 3000
  const { server } = await serve(t)
  const arrived = once(server, 'connection')
  const client = await dial(t, server)
  const [socket] = await arrived
  client.pause()
  endWithNextResponse(server)
  client.write(`GET /some HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(200)}\r\n\r\n`.repeat(count))
  await until('the server stops reading', () => socket.isPaused())
  const told = connectionsOf(await text(client))
  t.equal(told.length, count)
  t.equal(told.indexOf('close'), count - 1)
})

t.test('the answer before a request that has come in part is not the last', async (t) => {
  const { server, held } = await serve(t)
  const client = await dial(t, server)
  client.write(`${get('/held')}GET / HT`)
  await untilHeld(held, 1)
  endWithNextResponse(server)
  held[0].end('x')
  t.match(String((await once(client, 'data'))[0]), /connection: keep-alive/i)
  client.write('TP/1.1\r\nHost: x\r\n\r\n')
  t.strictSame(connectionsOf(await text(client)), ['close'])
})

t.test(
  'the last of several says so also if it was ready before the others, and others that came meanwhile do',
  async (t) => {
    const { server, held } = await serve(t)
    const client = await dial(t, server)
    client.write(get('/held') + get('/held'))
    await untilHeld(held, 2)
    endWithNextResponse(server)
    held[1].setHeader('Connection', 'keep-alive').end('second')
    client.write(get('/held'))
    await untilHeld(held, 3)
    held[2].writeHead(201, { 'Content-Length': 5 }).end('third')
    held[0].end('first')
    const answers = await text(client)
    t.strictSame(connectionsOf(answers), ['keep-alive', 'keep-alive', 'close'])
    t.match(answers, /first.*second.*201 Created.*third$/s)
    t.notMatch(answers.slice(answers.indexOf('201')), /keep-alive/i)
  },
)

t.test('a request that comes after the last answer has begun is not served', async (t) => {
  const { server, held } = await serve(t)
  const client = await dial(t, server)
  client.write(get('/held'))
  await untilHeld(held, 1)
  endWithNextResponse(server)
  held[0].write('x')
  t.match(String((await once(client, 'data'))[0]), /connection: close/i)
  let served = 0
  const received = new Promise<void>((resolve) => {
    const { emit } = server
    server.emit = (event: string, ...args: unknown[]) => {
      if (event === 'request') resolve()
      return Reflect.apply(emit, server, [event, ...args])
    }
  })
  server.on('request', () => served++)
  client.write(get('/'))
  await received
  await immediate()
  held[0].end('y')
  t.strictSame(connectionsOf(await text(client)), [])
  t.equal(served, 0)
})

t.test('another server is left alone', async (t) => {
  const [ending, other] = await Promise.all([serve(t), serve(t)])
  endWithNextResponse(ending.server)
  const client = await dial(t, other.server)
  client.write(get('/'))
  t.match(String((await once(client, 'data'))[0]), /connection: keep-alive/i)
})

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

const LARGE = 8_000_000

interface Served {
  readonly server: http.Server
  /** Responses that wait for the test. */
  readonly held: ServerResponse[]
}

async function serve(t: Test): Promise<Served> {
  const held: ServerResponse[] = []
  const server = http.createServer((request, response) => {
    if (request.url === '/held') held.push(response)
    else if (request.url === '/large') response.writeHead(200, { Connection: 'keep-alive' }).end('x'.repeat(LARGE))
    else if (request.url === '/begun')
      held.push(response.writeHead(200, { Connection: 'keep-alive' })) && response.write('x')
    else if (request.url === '/some') response.end('x'.repeat(2000))
    else if (request.url === '/switch') response.writeHead(101, { Connection: 'Upgrade', Upgrade: 'x' }).end()
    else response.end('x')
  })
  await listen(t, server)
  return { server, held }
}

async function serve2(t: Test, secure: boolean): Promise<{ server: Http2Server; session: http2.ClientHttp2Session }> {
  const answer = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    if (request.url === '/held') server.once('let-go', () => response.end('held'))
    else response.end('x')
  }
  const server = (secure
    ? http2.createSecureServer({ key, cert }, answer)
    : http2.createServer(answer)) as unknown as Http2Server
  followSessions(server)
  await listen(t, server)
  const session = http2.connect(`${secure ? 'https' : 'http'}://127.0.0.1:${port(server)}`, {
    rejectUnauthorized: false,
  })
  t.teardown(() => session.destroy())
  return { server, session }
}

async function listen(t: Test, server: Server): Promise<void> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
}

/** And no more: `close` of an HTTP server also ends connections. */
function stopListening(server: Server): void {
  net.Server.prototype.close.call(server)
}

function port(server: Server): number {
  return (server.address() as AddressInfo).port
}

async function dial(t: Test, server: Server): Promise<net.Socket> {
  const client = net.connect(port(server), '127.0.0.1')
  t.teardown(() => client.destroy())
  await once(client, 'connect')
  return client
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
}

async function untilHeld(held: readonly ServerResponse[], count: number): Promise<void> {
  await until(`${count} requests are held`, () => held.length >= count)
}

/** The Connection headers in a row of responses. */
function connectionsOf(responses: string): string[] {
  return [...responses.matchAll(/^connection: (.*)\r$/gim)].map(([, value]) => value)
}
