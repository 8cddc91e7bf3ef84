import { execFile } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import { WebSocket } from 'ws'
import { type Balancer, type PolicyName, startBalancer } from '../../lib/index.ts'
import { ways } from '../clients.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

/** Servers that nobody here wrote, unmodified, with clients that nobody here wrote. */

const ca = fs.readFileSync(source('test/fixtures/localhost.crt'), 'utf8')
const WORKERS = 3
/** Enough that each worker is likely to have some under any policy that deals. */
const CONNECTIONS = 20

interface Whoami {
  thread: number
  ip: string
}

interface Served {
  readonly balancer: Balancer
  readonly port: number
}

async function serve(t: Test, app: string, policy: PolicyName, argv: string[] = []): Promise<Served> {
  const entry = source(`test/integration/fixtures/${app}`)
  const balancer = await startBalancer({ entry, workers: WORKERS, policy, argv, execArgv: [] })
  t.teardown(() => balancer.close({ timeout: 0 }))
  return { balancer, port: (balancer.addresses[0] as AddressInfo).port }
}

/** Every connection was served, and the figures say so. */
async function checkLaw(t: Test, { balancer }: Served, connections: number): Promise<void> {
  const { cut, stats } = await balancer.close()
  const { accepted, adopted, refused, shed, inFlight, active, closed } = stats.connections
  t.equal(cut, 0, 'nothing was cut')
  t.equal(accepted, connections, 'all were accepted')
  t.strictSame(
    { adopted, closed, rest: refused + shed + inFlight + active },
    { adopted: accepted, closed: accepted, rest: 0 },
  )
}

const httpServers = [
  { app: 'express.mjs', protocol: 'http', allowH2: false },
  { app: 'fastify.mjs', protocol: 'http', allowH2: false },
  { app: 'koa.cjs', protocol: 'http', allowH2: false },
  { app: 'https.mjs', protocol: 'https', allowH2: false },
  { app: 'http2.mjs', protocol: 'https', allowH2: false },
  { app: 'http2.mjs', protocol: 'https', allowH2: true },
]

for (const policy of ways) {
  for (const { app, protocol, allowH2 } of httpServers) {
    t.test(`${app} serves undici${allowH2 ? ' by HTTP/2' : ''} over ${protocol} (${policy})`, async (t) => {
      const served = await serve(t, app, policy)
      const origin = `${protocol}://127.0.0.1:${served.port}`
      const threads = new Set<number>()
      const clients: Agent[] = []
      const visit = async (): Promise<void> => {
        const dispatcher = new Agent({ connections: 1, allowH2, connect: { ca } })
        clients.push(dispatcher)
        const { thread, ip } = (await (await request(`${origin}/whoami`, { dispatcher })).body.json()) as Whoami
        t.equal(ip, '127.0.0.1')
        threads.add(thread)
        const body = JSON.stringify({ text: 'x'.repeat(50_000) })
        const headers = { 'content-type': 'application/json' }
        const echo = await request(`${origin}/echo`, { dispatcher, method: 'POST', headers, body })
        t.equal(echo.statusCode, 201)
        t.strictSame(await echo.body.json(), JSON.parse(body))
      }
      await Promise.all(Array.from({ length: CONNECTIONS }, visit))
      // What a worker does not get to in time is served by others, so that one which the machine
      // keeps from running may have had none: more come until each worker has served. Under nop,
      // who comes first has it.
      const allServe = (): boolean => policy === 'nop' || threads.size === WORKERS
      await until('each worker has served', async () => {
        if (!allServe()) await visit()
        return allServe()
      })
      await Promise.all(clients.map((client) => client.close()))
      await checkLaw(t, served, clients.length)
    })
  }

  t.test(`http2.mjs serves Node's client by HTTP/2 in the clear (${policy})`, async (t) => {
    const served = await serve(t, 'http2.mjs', policy, ['h2c'])
    for (let i = 0; i < 5; i++) {
      const session = http2.connect(`http://127.0.0.1:${served.port}`)
      const streams = Array.from({ length: 10 }, () => session.request({ ':path': '/whoami' }))
      const answers = (await Promise.all(streams.map(json))) as (Whoami & { version: string })[]
      t.strictSame(new Set(answers.map(({ version }) => version)), new Set(['2.0']))
      session.close()
      await once(session, 'close')
    }
    await checkLaw(t, served, 5)
  })

  t.test(`an idle HTTP/2 session is closed by close(), and does not hold it up (${policy})`, async (t) => {
    const served = await serve(t, 'http2.mjs', policy, ['h2c'])
    const session = http2.connect(`http://127.0.0.1:${served.port}`)
    await json(session.request({ ':path': '/whoami' }))
    const [goaway, closed] = [once(session, 'goaway'), once(session, 'close')]
    await checkLaw(t, served, 1)
    await Promise.all([goaway, closed])
  })

  t.test(`ws.mjs serves ws (${policy})`, async (t) => {
    const served = await serve(t, 'ws.mjs', policy)
    const threads = new Set<string>()
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(`ws://127.0.0.1:${served.port}`)
      const [hello] = await once(socket, 'message')
      threads.add(String(hello))
      return socket
    }
    const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, open))
    const allServe = (): boolean => policy === 'nop' || threads.size === WORKERS
    await until('each worker has served', async () => {
      if (!allServe()) sockets.push(await open())
      return allServe()
    })
    t.equal(served.balancer.stats().connections.active, sockets.length)
    for (const socket of sockets) {
      socket.send('x'.repeat(100_000))
      const [echo] = await once(socket, 'message')
      t.equal(String(echo).length, 100_000)
      socket.close()
      await once(socket, 'close')
    }
    await checkLaw(t, served, sockets.length)
  })
}

for (const [app, by] of [
  ['ws.mjs', 'the diagnostics channel'],
  ['ws-leaves.mjs', 'onDrain'],
] as const) {
  for (const end of ['reload', 'close'] as const) {
    t.test(`a WebSocket server is told by ${by}, and takes leave (${end})`, async (t) => {
      const served = await serve(t, app, 'unordered')
      const sockets = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const socket = new WebSocket(`ws://127.0.0.1:${served.port}`)
          await once(socket, 'message')
          return socket
        }),
      )
      const left = sockets.map((socket) => once(socket, 'close'))
      const ended = served.balancer[end]()
      for (const [code, reason] of await Promise.all(left)) {
        t.equal(code, 1001)
        t.match(String(reason), /^worker_\d SIGTERM true$/)
      }
      t.match(await ended, { cut: 0 })
      await checkLaw(t, served, 6)
    })
  }
}

t.test('curl', async (t) => {
  const run = promisify(execFile)
  const version = await run('curl', ['--version']).catch(() => null)
  if (version === null) {
    t.pass('curl is not installed here')
    return
  }
  const served = await serve(t, 'http2.mjs', 'unordered')
  const args = [
    '--silent',
    '--cacert',
    source('test/fixtures/localhost.crt'),
    `https://localhost:${served.port}/whoami`,
  ]
  const resolve = ['--resolve', `localhost:${served.port}:127.0.0.1`]
  for (const protocol of ['--http1.1', '--http2']) {
    const { stdout } = await run('curl', [protocol, ...resolve, ...args])
    t.match(JSON.parse(stdout), { ip: '127.0.0.1' })
  }
  await checkLaw(t, served, 2)
})
