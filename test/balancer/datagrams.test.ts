import dgram from 'node:dgram'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { type Balancer, startBalancer } from '../../lib/index.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

/** UDP sockets of workers: shared as node:cluster shares them. */

interface Facts {
  readonly thread: number
  readonly port: number
  readonly receives: boolean
  readonly again: string | number
  readonly any: number
  readonly anyAgain: number
  readonly exclusive: number
  readonly closed: number
  readonly client: number
}

const WORKERS = 3

async function freePort(host: string): Promise<number> {
  const server = net.createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function start(t: Test, host: string): Promise<[balancer: Balancer, port: number]> {
  const port = await freePort(host)
  const entry = source('test/balancer/fixtures/datagrams.cjs')
  const options = { entry, argv: [String(port), host], workers: WORKERS, execArgv: [], policy: 'round-robin' } as const
  const balancer = await startBalancer({ ...options, respawnDelay: 1 })
  t.teardown(() => balancer.close({ timeout: 0 }))
  await allListen(balancer)
  return [balancer, port]
}

async function allListen(balancer: Balancer): Promise<void> {
  await until('all workers listen', () => balancer.stats().listeners[0]?.workers.length === WORKERS)
}

/** A datagram's answer: it is sent again until there is one. */
async function ask(port: number, host: string): Promise<string> {
  const client = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
  const again = setInterval(() => client.send('who', port, host), 200)
  client.send('who', port, host)
  const [message] = await once(client, 'message')
  clearInterval(again)
  client.close()
  return String(message)
}

/** Returns the facts of all workers, which are asked in turn. */
async function facts(port: number, host: string): Promise<Facts[]> {
  const all: Facts[] = []
  for (let i = 0; i < WORKERS; i++) all.push(JSON.parse(await text(net.connect(port, host))))
  return all
}

for (const host of ['127.0.0.1', '::1']) {
  t.test(`UDP and TCP on one port (${host}): each worker serves both, and after a reload`, async (t) => {
    const [balancer, port] = await start(t, host)
    const threads = (await facts(port, host)).map(({ thread }) => String(thread))
    t.equal(new Set(threads).size, WORKERS)
    t.ok(threads.includes(await ask(port, host)))
    await balancer.reload()
    await allListen(balancer)
    const others = (await facts(port, host)).map(({ thread }) => String(thread))
    t.ok(others.includes(await ask(port, host)))
    t.notOk(others.some((thread) => threads.includes(thread)))
  })
}

t.test('as with node:cluster: which sockets are shared', async (t) => {
  const host = '127.0.0.1'
  const [, port] = await start(t, host)
  const all = await facts(port, host)
  const distinct = (what: keyof Facts): number => new Set(all.map((each) => each[what])).size
  t.ok(all.every((each) => each.port === port && each.receives))
  t.ok(
    all.every(({ again }) => again === 'EADDRINUSE'),
    'a second one of the same worker is in the way of itself',
  )
  t.equal(distinct('any'), 1, 'the first on port 0 of each worker is the same')
  t.equal(distinct('anyAgain'), 1, 'and the second')
  t.ok(all.every(({ any, anyAgain }) => any !== anyAgain))
  t.equal(distinct('exclusive'), WORKERS, 'not those that are to be exclusive')
  t.equal(distinct('client'), WORKERS, 'nor those that send first')
})

t.test('a worker that dies leaves the socket to the others, and its successor gets it', async (t) => {
  const host = '127.0.0.1'
  const [balancer, port] = await start(t, host)
  const client = dgram.createSocket('udp4')
  for (let death = 0; death < 3; death++) {
    const died = once(balancer, 'worker-exit')
    client.send('exit', port, host)
    await died
    t.match(await ask(port, host), /^\d+$/)
    await allListen(balancer)
  }
  client.close()
  t.equal((await facts(port, host)).length, WORKERS)
})

t.test('at the close the port is free again', async (t) => {
  const host = '127.0.0.1'
  const [balancer, port] = await start(t, host)
  await balancer.close()
  const socket = dgram.createSocket('udp4').bind(port, host)
  await once(socket, 'listening')
  t.equal(socket.address().port, port)
  socket.close()
})

t.test('workers that bind and close one address again and again are not in each other’s way', async (t) => {
  const port = await freePort('127.0.0.1')
  const entry = source('test/balancer/fixtures/datagrams-again.cjs')
  const options = { entry, argv: [String(port)], workers: WORKERS, execArgv: [], policy: 'round-robin' } as const
  const balancer = await startBalancer(options)
  t.teardown(() => balancer.close({ timeout: 0 }))
  await allListen(balancer)
  for (let i = 0; i < WORKERS; i++) t.equal(await text(net.connect(port, '127.0.0.1')), '[]')
})

t.test(
  'a worker that only reads datagrams of its own socket has started, and has a successor when it dies',
  async (t) => {
    const host = '127.0.0.1'
    const port = await freePort(host)
    const entry = source('test/balancer/fixtures/datagrams-exclusive.cjs')
    const options = { entry, argv: [String(port)], workers: 1, execArgv: [], respawnDelay: 1 }
    const balancer = await startBalancer(options)
    t.teardown(() => balancer.close({ timeout: 0 }))
    t.equal(await ask(port, host), 'served')
    const died = once(balancer, 'worker-exit')
    const client = dgram.createSocket('udp4')
    client.send('exit', port, host)
    await died
    client.close()
    t.equal(await ask(port, host), 'served')
  },
)
