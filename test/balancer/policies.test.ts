import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { type Balancer, type BalancerOptions, startBalancer } from '../../lib/index.ts'
import { get, portOf } from '../clients.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

/** The number of connections that a worker's consumer queue takes. */
const CQ_DEPTH = 8

async function start(t: Test, options: Partial<BalancerOptions>): Promise<Balancer> {
  const entry = source('test/integration/fixtures/lifecycle.cjs')
  const balancer = await startBalancer({ entry, execArgv: [], stallTimeout: 0, ...options })
  t.teardown(() => balancer.close({ timeout: 0 }))
  return balancer
}

/** More connections that stay open and say nothing, until so many are. */
async function holdUntil(t: Test, balancer: Balancer, total: number): Promise<net.Socket[]> {
  const port = portOf(balancer)
  const active = () => balancer.stats().connections.active
  const sockets = Array.from({ length: total - active() }, () => net.connect(port, '127.0.0.1'))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  await until(`${total} connections are active`, () => active() >= total)
  return sockets
}

for (const workers of [2, 4, 8]) {
  t.test(`round-robin: the counts of ${workers} workers differ by at most one, however many there are`, async (t) => {
    const balancer = await start(t, { workers, policy: 'round-robin' })
    for (const total of [1, workers - 1, 3 * workers + 1, 100]) {
      await holdUntil(t, balancer, total)
      const adopted = balancer.stats().workers.map((worker) => worker.adopted)
      t.ok(Math.max(...adopted) - Math.min(...adopted) <= 1, adopted.join(', '))
    }
  })
}

t.test('round-robin: a burst that credits cut into pieces is dealt evenly as well', async (t) => {
  const balancer = await start(t, { workers: 4, policy: 'round-robin', credits: 3 })
  await holdUntil(t, balancer, 200)
  t.strictSame(
    balancer.stats().workers.map(({ adopted }) => adopted),
    [50, 50, 50, 50],
  )
})

t.test('exact: the counts of open connections differ by at most one, whatever has closed', async (t) => {
  const total = 42
  const balancer = await start(t, { workers: 4, policy: 'exact' })
  const active = () => balancer.stats().workers.map((worker) => worker.active)
  let held: net.Socket[] = []
  const keeps: ((i: number) => boolean)[] = [
    (i) => i >= 20,
    (i) => i % 3 > 0,
    (i) => i % 4 > 0,
    (i) => i < 2,
    () => true,
  ]
  for (const keep of keeps) {
    held.push(...(await holdUntil(t, balancer, total)))
    t.ok(Math.max(...active()) - Math.min(...active()) <= 1, active().join(', '))
    const ended = held.filter((_, i) => !keep(i))
    held = held.filter((_, i) => keep(i))
    for (const socket of ended) socket.destroy()
    await until(`${held.length} connections are left`, () => balancer.stats().connections.active <= held.length)
  }
})

t.test('unordered: at a worker that is stuck wait no more than its consumer queue takes', async (t) => {
  const gate = new Int32Array(new SharedArrayBuffer(8))
  const balancer = await start(t, { workers: 2, workerData: { gate: gate.buffer } })
  const port = portOf(balancer)
  const stuck = get(port, '/block')
  await Atomics.waitAsync(gate, 0, 0).value
  let answered = 0
  const all = Array.from({ length: 60 }, () => get(port).then(() => answered++))
  // Without the other worker's taking the rest this never ends.
  await until(`${60 - CQ_DEPTH} requests are answered`, () => answered >= 60 - CQ_DEPTH)
  const [queued] = balancer.stats().workers.flatMap((worker) => (worker.active > 0 ? [worker.queued] : []))
  t.ok(queued !== undefined && queued <= CQ_DEPTH, `${queued} wait`)
  Atomics.store(gate, 1, 2)
  Atomics.notify(gate, 1)
  await stuck
  await Promise.all(all)
  t.equal(answered, 60)
})
