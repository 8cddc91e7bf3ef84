import '../longer-waits.ts'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { setImmediate as immediate } from 'node:timers/promises'
import tls from 'node:tls'
import t from 'tap'
import { endWithNextResponse } from '../../lib/worker/drain/last-responses.ts'
import { until } from '../deadline.ts'
import { cert, connectionsOf, dial, get, key, listen, port, serve, untilHeld } from './ending-servers.ts'

/** How a worker's servers tell clients of HTTP/1 that a connection ends: with the last response. */

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
