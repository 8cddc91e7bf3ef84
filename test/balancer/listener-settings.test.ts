import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { ListenerSettingsTable } from '../../lib/balancer/listeners/settings.ts'
import { type PolicyName, startBalancer } from '../../lib/index.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'
import { difference, type Held, Holding } from './holding.ts'

/** Listeners with policies and priorities of their own. */

t.test('a listener is named by host and port, by port, or by path', async (t) => {
  const table = new ListenerSettingsTable(
    { policy: 'exact', proxyProtocol: false, deferAccept: false },
    {
      '8443': { policy: 'affinity' },
      '127.0.0.1:8443': { priority: 3 },
      '[::1]:8443': { policy: 'nop' },
      '*:80': { priority: 1 },
      '/run/app.sock': { policy: 'unordered', priority: 7 },
    },
  )
  const found = (address: string | null, port: number): [PolicyName, number] => {
    const { policy, priority } = table.find(address, port)
    return [policy, priority]
  }
  t.strictSame(found('127.0.0.1', 8443), ['exact', 3])
  t.strictSame(found('0.0.0.0', 8443), ['affinity', 0])
  t.strictSame(found('::1', 8443), ['nop', 0])
  t.strictSame(found(null, 80), ['exact', 1])
  t.strictSame(found('0.0.0.0', 80), ['exact', 0])
  t.strictSame(found('/run/app.sock', -1), ['unordered', 7])
  t.strictSame([...table.policies].sort(), ['affinity', 'exact', 'nop', 'unordered'])
})

/** Two ports that are free just now. */
async function ports(): Promise<[number, number]> {
  const servers = await Promise.all(
    [0, 0].map((port) => {
      const server = net.createServer().listen(port, '127.0.0.1')
      return once(server, 'listening').then(() => server)
    }),
  )
  const [a, b] = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return [a, b]
}

const all: PolicyName[] = ['unordered', 'least-connections', 'exact', 'round-robin', 'affinity', 'nop']

/**
 * Runs clients of one listener, one after the other, until another listener's client is served, or
 * `most` have come.
 * @returns how many came
 */
async function streamUntil(served: Promise<unknown>, most: number, next: () => Promise<unknown>): Promise<number> {
  let isServed = false
  void served.then(() => {
    isServed = true
  })
  for (let count = 0; count < most; count++) {
    if (isServed) return count
    await next()
  }
  return most
}

t.test('main accepts for a policy of its own, also while workers accept for another one', async (t) => {
  const [first, second] = await ports()
  const listeners = { [first]: { policy: 'unordered' as const }, [second]: { policy: 'round-robin' as const } }
  const holding = await Holding.start(t, { workers: 2, listeners }, [first, second])
  const next = async (): Promise<void> => {
    const held = holding.connect({ port: first })
    await held.taken()
    held.socket.destroy()
    holding.held.delete(held)
  }
  for (let i = 0; i < 50; i++) await next()
  const taken = holding.connect({ port: second }).taken()
  t.ok((await streamUntil(taken, 1000, next)) < 1000)
})

t.test('and where not all workers listen', async (t) => {
  const [own, shared] = await ports()
  const workerData = { first: new Int32Array(new SharedArrayBuffer(4)), ports: [own, shared] }
  const entry = source('test/balancer/fixtures/apart.cjs')
  const balancer = await startBalancer({ entry, workers: 3, workerData, execArgv: [] })
  t.teardown(() => balancer.close({ timeout: 0 }))
  const listening = (): number => balancer.stats().listeners.reduce((sum, { workers }) => sum + workers.length, 0)
  await until('all workers listen', () => listening() === 3)
  const next = (port = shared): Promise<string> => text(net.connect(port, '127.0.0.1'))
  for (let i = 0; i < 50; i++) await next()
  const served = next(own)
  t.ok((await streamUntil(served, 1000, next)) < 1000)
  t.equal(await served, 'hello')
})

for (const policy of all) {
  t.test(`${policy} beside round-robin in one balancer`, async (t) => {
    const [first, second] = await ports()
    const listeners = { [first]: { policy }, [second]: { policy: 'round-robin' as const } }
    const holding = await Holding.start(t, { workers: 3, listeners }, [first, second])
    const held = Array.from({ length: 30 }, (_, i) => holding.connect({ port: i % 2 === 0 ? first : second }))
    const threads = await Promise.all(held.map((client) => client.taken()))
    const inTurn = new Map<number, number>()
    for (const { thread } of threads.filter((_, i) => i % 2 === 1)) inTurn.set(thread, (inTurn.get(thread) ?? 0) + 1)
    t.ok(inTurn.size === 3 && difference([...inTurn.values()]) === 0, [...inTurn.values()].join(', '))
    const stats = holding.balancer.stats()
    t.strictSame(new Set(stats.listeners.map((listener) => listener.policy)), new Set([policy, 'round-robin']))
    t.match(stats.connections, { accepted: 30, adopted: 30, stale: 0 })
    await holding.end([...holding.held])
  })
}

for (const policy of ['unordered', 'least-connections', 'exact'] as const) {
  t.test(`${policy}: of what waits, the better priority goes first`, async (t) => {
    const [urgent, other] = await ports()
    const listeners = { [urgent]: { priority: 0 }, [other]: { priority: 5 } }
    const holding = await Holding.start(t, { workers: 2, policy, listeners }, [other, urgent])
    await holding.blockAll(other)
    const waiting = async (port: number, total: number): Promise<Held[]> => {
      const { accepted } = holding.balancer.stats().connections
      const held = Array.from({ length: total }, () => holding.connect({ port }))
      const now = (): number => holding.balancer.stats().connections.accepted
      await until(`${total} more are accepted`, () => now() >= accepted + total)
      return held
    }
    const late = await waiting(other, 60)
    const early = await waiting(urgent, 60)
    holding.unblock()
    const taken = async (held: Held[]) => Promise.all(held.map((one) => one.taken()))
    const [urgents, others] = [await taken(early), await taken(late)]
    for (const thread of new Set(urgents.map((one) => one.thread))) {
      const times = urgents.filter((one) => one.thread === thread).map(({ at }) => at)
      const last = times.reduce((latest, at) => (at > latest ? at : latest))
      const sooner = others.filter((one) => one.thread === thread && one.at < last)
      // What had a place in the worker's consumer queue already, and in its inbox.
      t.ok(sooner.length <= 8 + 4, `${sooner.length} of 60 went before`)
    }
  })
}
