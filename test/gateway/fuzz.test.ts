import { once } from 'node:events'
import http from 'node:http'
import net, { type Socket } from 'node:net'
import t from 'tap'
import { Agent, request } from 'undici'
import { createProxy } from '../../examples/ingress-gateway/proxy/server.ts'
import { until } from '../deadline.ts'
import { deferred, listening } from './servers.ts'

/**
 * Clients and backends that send anything, beside one that only wants its own answers. What is sent
 * goes by the seed; how it is cut into packets goes by chance.
 */

const SEED = Number(process.env.NODE_DLB_FUZZ_SEED ?? 20)
const ROUNDS = process.env.NODE_DLB_NIGHTLY ? 400 : 30
const AT_ONCE = 12
/**
 * What neither ends by itself is over after so long: it is for the proxy to bear, not to answer.
 */
const PATIENCE_MS = 150

/** mulberry32: 0 ≤ n < below. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

const requests = [
  'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  'HEAD / HTTP/1.1\r\nHost: x\r\nAccept: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello',
  'PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab',
  'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n\x81\x00',
  'POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab',
  'CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET http://x/ HTTP/1.0\r\n\r\n',
]
const answers = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: 1\r\n\r\n',
  'HTTP/1.0 200 OK\r\n\r\nuntil the end',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00',
  'HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 404 Non trouv\xe9\r\nContent-Length: 0\r\n\r\n',
  '',
]
const pieces = [
  '\r\n',
  '\0',
  '\x01',
  '\xe9',
  ' ',
  ':',
  'Content-Length: 7\r\n',
  'Transfer-Encoding: gzip\r\n',
  '\r\n\r\n',
  '999',
  'HTTP/1.1 200 OK\r\n',
]

/**
 * One of the texts, with some bytes changed, taken out, put in, or cut off; now and then as it is,
 * or twice.
 */
function mutated(texts: readonly string[], next: (below: number) => number): string {
  let text = texts[next(texts.length)]
  if (next(5) === 0) text += texts[next(texts.length)]
  for (let changes = next(4); changes > 0; changes--) {
    const at = next(text.length + 1)
    const piece = [pieces[next(pieces.length)], String.fromCharCode(next(256)), ''][next(3)]
    text = text.slice(0, at) + piece + text.slice(at + next(3))
  }
  return next(6) === 0 ? text.slice(0, next(text.length + 1)) : text
}

type End = 'end' | 'destroy' | 'resetAndDestroy' | 'stay'
const ends: readonly End[] = ['end', 'destroy', 'resetAndDestroy', 'stay']

/** Sends the text in up to three packets, and ends so. */
function send(socket: Socket, text: string, end: End, next: (below: number) => number): void {
  const cuts = [next(text.length + 1), next(text.length + 1)].sort((a, b) => a - b)
  const parts = [text.slice(0, cuts[0]), text.slice(cuts[0], cuts[1]), text.slice(cuts[1])]
  const step = (): void => {
    const part = parts.shift()
    if (part !== undefined && !socket.destroyed) socket.write(part, 'latin1', () => setImmediate(step))
    else if (end !== 'stay') socket[end]()
  }
  step()
}

t.test(`what a client or a backend sends harms nobody else (seed ${SEED})`, async (t) => {
  const next = random(SEED)
  const failures: unknown[] = []
  const failed = (error: unknown): unknown => failures.push(error)
  process.on('uncaughtException', failed).on('unhandledRejection', failed)
  t.teardown(() => process.off('uncaughtException', failed).off('unhandledRejection', failed))

  const wild = net.createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.setTimeout(PATIENCE_MS, () => socket.destroy())
    const [text, end] = [mutated(answers, next), ends[next(ends.length)]]
    socket.once('data', () => send(socket, text, end, next))
    socket.resume()
  })
  const calm = http.createServer((req, res) => res.end(req.url))
  const target = (service: string): { matches: []; targets: { service: string; weight: number }[] } => {
    return { matches: [], targets: [{ service, weight: 1 }] }
  }
  const proxy = createProxy({
    virtualHosts: [
      { hosts: ['calm'], routes: [target('calm:80')] },
      { hosts: ['*'], routes: [target('wild:80')] },
    ],
    backends: {
      'wild:80': `http://127.0.0.1:${await listening(t, wild)}`,
      'calm:80': `http://127.0.0.1:${await listening(t, calm)}`,
    },
    backendTimeout: PATIENCE_MS,
    idleTimeout: PATIENCE_MS,
  })
  const port = await listening(t, proxy)
  const dispatcher = new Agent({ connections: 1, pipelining: 1 })
  t.teardown(() => dispatcher.destroy())

  for (let round = 0; round < ROUNDS; round++) {
    const clients = Array.from({ length: AT_ONCE }, async () => {
      const socket = net.connect(port, '127.0.0.1')
      const closed = deferred<void>()
      socket.on('error', () => socket.destroy()).once('close', () => closed.resolve())
      socket.setTimeout(2 * PATIENCE_MS, () => socket.destroy())
      socket.resume()
      send(socket, mutated(requests, next), ends[next(ends.length)], next)
      await closed.promise
    })
    const url = `http://127.0.0.1:${port}/${round}`
    const { statusCode, body } = await request(url, { dispatcher, headers: { host: 'calm' } })
    const text = await body.text()
    if (statusCode !== 200 || text !== `/${round}`) t.fail(`round ${round}: the bystander got ${statusCode} ${text}`)
    await Promise.all(clients)
  }
  t.strictSame(failures, [])
  await dispatcher.destroy()
  const count = (server: net.Server): Promise<number> =>
    new Promise((resolve) => server.getConnections((_, open) => resolve(open)))
  await until('no connection is left', async () => (await count(proxy)) === 0 && (await count(wild)) === 0)
  t.pass('no connection is left')
  proxy.close()
  await once(proxy, 'close')
  await until('none to the backend is left either', async () => (await count(calm)) === 0)
})
