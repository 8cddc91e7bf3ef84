import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { type Balancer, type BalancerOptions, startBalancer } from '../../lib/index.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'
import { Holding } from './holding.ts'

/**
 * Connections of one client address are on one worker, as long as one of them is open, and for a
 * time after that.
 */
const workers = 4
const clients = Array.from({ length: 24 }, (_, i) => `127.0.1.${i + 1}`)

t.test('concurrent connections of one client are on one worker, and clients spread', async (t) => {
  const holding = await Holding.start(t, { workers, policy: 'affinity' })
  const threads = new Map<string, Set<number>>(clients.map((client) => [client, new Set()]))
  for (let round = 0; round < 5; round++) {
    const held = clients.map((localAddress) => ({ localAddress, held: holding.connect({ localAddress }) }))
    for (const { localAddress, held: client } of held) threads.get(localAddress)?.add((await client.taken()).thread)
    // The oldest one ends: the others keep the client where it is.
    if (round > 0) await holding.end([...holding.held].slice(0, clients.length))
  }
  for (const [client, { size }] of threads) t.equal(size, 1, client)
  await holding.until(clients.length)
  t.strictSame(holding.active(), [6, 6, 6, 6], 'one connection of each client is left')
})

t.test('with a timeout of 0, a client that has no connection any more is like a new one', async (t) => {
  const holding = await Holding.start(t, { workers: 2, policy: 'affinity', affinityTimeout: 0 })
  const first = holding.connect({ localAddress: '127.0.1.1' })
  const { thread } = await first.taken()
  await holding.end([first])
  const other = holding.connect({ localAddress: '127.0.1.2' })
  const { thread: othersThread } = await other.taken()
  const again = holding.connect({ localAddress: '127.0.1.1' })
  t.not((await again.taken()).thread, othersThread, 'the worker that has fewer')
  t.type(thread, 'number')
})

t.test("a worker's death moves its clients to the others", async (t) => {
  const holding = await Holding.start(t, {
    workers: 2,
    policy: 'affinity',
    respawnDelay: 60_000,
    maxRespawnDelay: 60_000,
  })
  holding.balancer.on('worker-exit', () => undefined)
  const localAddress = '127.0.1.1'
  const { thread } = await holding.connect({ localAddress }).taken()
  await holding.kill()
  const threads = await Promise.all([1, 2, 3].map(() => holding.connect({ localAddress }).taken()))
  t.equal(new Set(threads.map((taken) => taken.thread)).size, 1)
  t.not(threads[0].thread, thread)
})

/** Its sessions are known at the worker that made them, as socket.io's are. */
async function startSessions(t: Test, entry: string, options: Partial<BalancerOptions> = {}): Promise<Balancer> {
  const balancer = await startBalancer({
    entry: source(`test/balancer/fixtures/${entry}`),
    execArgv: [],
    workers: 4,
    policy: 'affinity',
    stallTimeout: 0,
    ...options,
  })
  t.teardown(() => balancer.close({ timeout: 0 }))
  return balancer
}

async function untilInFlight(balancer: Balancer, count: number): Promise<void> {
  await until(`${count} connections are in flight`, () => balancer.stats().connections.inFlight === count)
}

interface Poll {
  readonly status: number | undefined
  readonly body: string
}

/** Each on a connection of its own. */
async function poll(balancer: Balancer, localAddress: string, path: string, post?: string): Promise<Poll> {
  const { port } = balancer.addresses[0] as AddressInfo
  const method = post === undefined ? 'GET' : 'POST'
  const headers = { connection: 'close', 'content-type': 'text/plain' }
  const request = http.request({ port, host: '127.0.0.1', localAddress, path, agent: false, method, headers })
  const [response] = (await once(request.end(post), 'response')) as [http.IncomingMessage]
  return { status: response.statusCode, body: await text(response) }
}

t.test('socket.io by polling, without keep-alive: every session goes on', async (t) => {
  const balancer = await startSessions(t, 'socket-io.cjs')
  const session = async (client: string): Promise<void> => {
    const path = '/socket.io/?EIO=4&transport=polling'
    const opened = await poll(balancer, client, path)
    const { sid } = JSON.parse(opened.body.slice(1))
    const own = `${path}&sid=${sid}`
    t.match(await poll(balancer, client, own, '40'), { status: 200, body: 'ok' })
    t.match(await poll(balancer, client, own), { status: 200, body: /^40\{"sid"/ })
    for (let i = 0; i < 3; i++) {
      t.match(await poll(balancer, client, own, `42["echo",${i}]`), { status: 200, body: 'ok' })
      t.match(await poll(balancer, client, own), { status: 200, body: `42["echo",${i}]` })
    }
  }
  await Promise.all(clients.slice(0, 6).map(session))
})

t.test('clients whose connections are short are spread over the workers', async (t) => {
  const balancer = await startSessions(t, 'sessions.cjs')
  const threads = new Map<string, Set<string>>()
  const seen = async (client: string): Promise<void> => {
    // Whose connection is open still counts as load.
    await until('no connection is open', () => balancer.stats().connections.active === 0)
    const { body } = await poll(balancer, client, '/')
    threads.set(client, (threads.get(client) ?? new Set()).add(body))
  }
  for (const [i, client] of clients.entries()) {
    await seen(client)
    // One that is there already comes in between: it takes nobody's turn.
    await seen(clients[Math.floor(i / 2)])
  }
  t.ok([...threads.values()].every(({ size }) => size === 1))
  const perThread = new Map<string, number>()
  for (const [thread] of threads.values()) perThread.set(thread, (perThread.get(thread) ?? 0) + 1)
  t.strictSame([...perThread.values()], [6, 6, 6, 6])
})

t.test('behind a proxy, the client is the one that the header names, also where the header comes late', async (t) => {
  const balancer = await startSessions(t, 'sessions.cjs', { proxyProtocol: true })
  const { port } = balancer.addresses[0] as AddressInfo
  const ask = async (client: string, late: boolean): Promise<string> => {
    const socket = net.connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    await once(socket, 'connect')
    const header = `PROXY TCP4 ${client} 127.0.0.1 4000 80\r\n`
    if (late) {
      // Main has the connection, and half of what it waits for.
      socket.write(header.slice(0, 20))
      await untilInFlight(balancer, 1)
    }
    socket.end(`${late ? header.slice(20) : header}GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    return (await text(socket)).split('\r\n\r\n')[1]
  }
  const proxied = Array.from({ length: 8 }, (_, i) => `203.0.113.${i}`)
  const first = await Promise.all(proxied.map((client) => ask(client, false)))
  t.strictSame(await Promise.all(proxied.map((client) => ask(client, false))), first)
  for (const [i, client] of proxied.entries()) t.equal(await ask(client, true), first[i], client)
  t.equal(new Set(first).size, 4, 'and they are on all workers')
})

t.test('a header that does not come: the connection is dealt after a second, and nothing waits for it', async (t) => {
  const balancer = await startSessions(t, 'sessions.cjs', { proxyProtocol: true })
  const { port } = balancer.addresses[0] as AddressInfo
  const silent = net.connect(port, '127.0.0.1')
  t.teardown(() => silent.destroy())
  await once(silent, 'connect')
  await untilInFlight(balancer, 1)
  await untilInFlight(balancer, 0)
  t.match(balancer.stats().connections, { accepted: 1, adopted: 1 })
  const another = net.connect(port, '127.0.0.1')
  another.on('error', () => undefined)
  await once(another, 'connect')
  await untilInFlight(balancer, 1)
  const { stats } = await balancer.close({ timeout: 0 })
  t.match(stats.connections, { accepted: 2, inFlight: 0 }, 'one that waits when the balancer closes is refused')
})

t.test('a client whose worker is replaced, or goes, gets another, and stays there', async (t) => {
  const balancer = await startSessions(t, 'sessions.cjs', { workers: 3 })
  const threads = async (): Promise<string[]> => {
    const answers: string[] = []
    for (const client of clients) answers.push((await poll(balancer, client, '/')).body)
    return answers
  }
  const before = await threads()
  await balancer.reload()
  const reloaded = await threads()
  t.notOk(reloaded.some((thread) => before.includes(thread)))
  t.strictSame(await threads(), reloaded)
  await balancer.resize(1)
  const one = await threads()
  t.equal(new Set(one).size, 1)
  await balancer.resize(3)
  t.strictSame(await threads(), one, 'new workers take no client from where it is')
})
