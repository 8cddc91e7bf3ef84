import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type Balancer, type BalancerOptions, policyNames, startBalancer } from '../../lib/index.ts'
import { many } from '../clients.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

/**
 * An app listens on as many addresses as it likes, under each policy; not all of its workers have
 * to listen everywhere.
 */

async function start(t: Test, argv: string[], options: Partial<BalancerOptions> = {}): Promise<Balancer> {
  const entry = source('test/integration/fixtures/addresses.mjs')
  const balancer = await startBalancer({ entry, argv, workers: 2, execArgv: [], ...options })
  t.teardown(() => balancer.close({ timeout: 0 }))
  return balancer
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Answer {
  readonly place: number
  readonly worker: number
  readonly client: net.Socket
}

/** On a connection that stays open. */
async function hold(port: number): Promise<Answer> {
  const client = net.connect(port, '127.0.0.1')
  const [data] = await once(client, 'data')
  const [place, worker] = String(data).split(' ').map(Number)
  return { place, worker, client }
}

async function ask(port: number): Promise<Answer> {
  const answer = await hold(port)
  answer.client.end()
  return answer
}

const openFds = (): number => readdirSync('/proc/self/fd').length

/**
 * Until so many listeners have so many workers. @returns their ports, in the order in which they
 * were opened.
 */
async function allListening(balancer: Balancer, count: number, workers: number): Promise<number[]> {
  for (;;) {
    const { listeners } = balancer.stats()
    if (listeners.length === count && listeners.every((listener) => listener.workers.length === workers)) break
    await turn()
  }
  return balancer.addresses.map((address) => (address as AddressInfo).port)
}

/** That each port answers as the server of its place, from whichever worker. */
async function checkAll(t: Test, ports: readonly number[]): Promise<void> {
  const wrong: string[] = []
  await many(ports.length, 8, async (i) => {
    const { place } = await ask(ports[i])
    if (place !== i) wrong.push(`${i}: ${place}`)
  })
  t.strictSame(wrong, [])
}

for (const policy of policyNames) {
  t.test(`100 addresses are served, also after a reload (${policy})`, async (t) => {
    const balancer = await start(t, ['100', 'at once'], { policy })
    await checkAll(t, await allListening(balancer, 100, 2))
    await balancer.reload()
    await checkAll(t, await allListening(balancer, 100, 2))
    t.match(balancer.stats().connections, { refused: 0, shed: 0 })
    t.ok(balancer.stats().listeners.every((listener) => listener.policy === policy))
  })
}

t.test('nine addresses, opened one after the other, are served by all workers', async (t) => {
  const balancer = await start(t, ['9', 'one after the other'], { policy: 'least-connections', workers: 3 })
  const ports = await allListening(balancer, 9, 3)
  await checkAll(t, ports)
  for (const port of ports) {
    await until('no connection is open', () => balancer.stats().connections.active === 0)
    const held = [await hold(port), await hold(port), await hold(port)]
    t.equal(new Set(held.map(({ worker }) => worker)).size, 3)
    for (const { client } of held) client.end()
  }
})

t.test('a thousand addresses, of three workers', async (t) => {
  const balancer = await start(t, ['1000', 'at once'], { workers: 3 })
  await checkAll(t, await allListening(balancer, 1000, 3))
  // Main has two for each, and each worker one.
  t.ok(openFds() < 5500, `${openFds()} descriptors`)
})

t.test('addresses that open and close again use nothing up', async (t) => {
  const balancer = await start(t, ['1', 'opened and closed again'], { workers: 1 })
  const [port] = await allListening(balancer, 1, 1)
  const before = openFds()
  const again = await start(t, ['1000', 'opened and closed again'], { workers: 1 })
  const [other] = await allListening(again, 1, 1)
  t.match([await ask(port), await ask(other)], [{ place: 0 }, { place: 0 }])
  await again.close({ timeout: 0 })
  t.ok(openFds() <= before, `${openFds()} descriptors, ${before} before`)
})

for (const policy of ['unordered', 'round-robin'] as const) {
  t.test(
    `of more sets of workers than there are queues, each connection comes to one that listens (${policy})`,
    async (t) => {
      // Each of ten workers has an address of its own; a few have another; all have three.
      const workers = 10
      const ports = await freePorts(workers + 3)
      const served = ports.map((_, i) => (i < workers ? [i] : [i - workers, i - workers + 1, i - workers + 2]))
      const own = Array.from({ length: workers }, (_, worker) => ports.filter((_, i) => served[i].includes(worker)))
      const balancer = await start(t, ['3', 'at once', JSON.stringify(own)], { workers, policy })
      await complete(balancer, new Map(ports.map((port, i) => [port, served[i].length])))
      const wrong: string[] = []
      const seen = new Map<number, Set<number>>()
      await many(ports.length * 12, 8, async (k) => {
        const port = ports[k % ports.length]
        const { place, worker } = await ask(port)
        seen.set(port, (seen.get(port) ?? new Set()).add(worker))
        const isRight = place === port && served[k % ports.length].includes(worker)
        if (!isRight) wrong.push(`${port}: ${place} of ${worker}`)
      })
      t.strictSame(wrong, [])
      t.equal(seen.size, ports.length)
      t.match(balancer.stats().connections, { refused: 0, shed: 0 })
    },
  )
}

/** Until these ports have so many workers. */
async function complete(balancer: Balancer, wanted: ReadonlyMap<number, number>): Promise<void> {
  const isComplete = (): boolean => {
    const found = balancer
      .stats()
      .listeners.filter(({ port, workers }) => wanted.get(port as number) === workers.length)
    return found.length === wanted.size
  }
  await until('all ports have their workers', isComplete)
}

/** Returns ports of the kernel's choice, which nobody has any more. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
