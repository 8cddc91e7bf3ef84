import { once } from 'node:events'
import fs from 'node:fs'
import http, { type ServerResponse } from 'node:http'
import http2, { type Http2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo, type Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { drain } from '../../lib/worker/drain.ts'
import { closeSessions, followSessions } from '../../lib/worker/http2-sessions.ts'
import { KeepAlives } from '../../lib/worker/keep-alives.ts'
import { endWithNextResponse } from '../../lib/worker/last-responses.ts'
import { source } from '../programs.ts'

/** How a worker's servers end their connections: of HTTP/1 by Connection: close and by closing the idle ones, of HTTP/2 by GOAWAY. */

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
    const closed = once(client, 'close')
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
  while (socket.writableLength === 0) await immediate()
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
  await once(client.resume(), 'close')
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
  while (held.length < count) await immediate()
}

/** The Connection headers in a row of responses. */
function connectionsOf(responses: string): string[] {
  return [...responses.matchAll(/^connection: (.*)\r$/gim)].map(([, value]) => value)
}
