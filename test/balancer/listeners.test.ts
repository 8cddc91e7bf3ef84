import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import {
  attach,
  type Balancer,
  type BalancerOptions,
  policyNames,
  startBalancer,
  workerIndex,
} from '../../lib/index.ts'
import { get, portOf } from '../clients.ts'
import { until } from '../deadline.ts'
import { runCli, source } from '../programs.ts'

async function start(t: Test, app: string, options: Partial<BalancerOptions> = {}): Promise<Balancer> {
  const entry = source(`test/integration/fixtures/${app}`)
  const balancer = await startBalancer({ entry, workers: 2, execArgv: [], stallTimeout: 0, ...options })
  t.teardown(() => balancer.close({ timeout: 0 }))
  return balancer
}

const readAll = (port: number): Promise<string> => text(net.connect(port, '127.0.0.1'))
const ports = (balancer: Balancer): number[] => balancer.addresses.map((address) => (address as AddressInfo).port)

/** Until so many listeners have all the workers. `startBalancer` waits for the first only. */
async function allListening(balancer: Balancer, count: number, workers: number): Promise<number[]> {
  const complete = () => balancer.stats().listeners.filter((listener) => listener.workers.length === workers)
  await until(`${count} listeners have all workers`, () => complete().length >= count)
  return ports(balancer)
}

t.test('the n-th listen(0) of every worker is the same listener', async (t) => {
  const balancer = await start(t, 'many-servers.cjs', { argv: ['8'], workers: 3 })
  const listeners = await allListening(balancer, 8, 3)
  t.equal(new Set(listeners).size, 8)
  for (const [i, port] of listeners.entries()) {
    for (let k = 0; k < 6; k++) t.equal(await readAll(port), String(i))
  }
})

t.test('with hook: false only attached servers are balanced', async (t) => {
  const balancer = await start(t, 'attached.mjs', { hook: false })
  const listeners = ports(balancer)
  t.equal(listeners.length, 1)
  t.match(await readAll(listeners[0]), /^worker_[01]$/)
})

t.test('listen({ fd }) is refused, since all workers would poll the same socket', async (t) => {
  const code = `require('node:net').createServer().listen({ fd: 3 })`
  const outcome = await runCli(['run', path.join(t.testdir({ 'app.cjs': code }), 'app.cjs'), '--workers', '2'])
  t.match(outcome, { code: 1, stderr: /listen\(\{ fd: 3 \}\) cannot be balanced/ })
})

t.test('attach() and workerIndex() outside of a worker', async (t) => {
  t.throws(() => attach(net.createServer()), { code: 'ERR_DLB_NOT_A_WORKER' })
  t.equal(workerIndex(), null)
})

t.test("an app's own threads, workerData and env are its own", async (t) => {
  const env = { ...process.env, OF_THE_TEST: 'yes' }
  const balancer = await start(t, 'nested.cjs', { workerData: { of: 'the app' }, env })
  t.strictSame(JSON.parse((await get(portOf(balancer))).body), {
    text: 'nested',
    nested: 'of the nested one',
    own: { of: 'the app' },
    env: 'yes',
  })
})

/** A worker that does not come to adopt anything, with connections waiting at it. */
async function blockedWorker(
  t: Test,
  options: Partial<BalancerOptions>,
): Promise<[Balancer, Int32Array, Promise<unknown>]> {
  const gate = new SharedArrayBuffer(8)
  const words = new Int32Array(gate)
  const balancer = await start(t, 'lifecycle.cjs', { ...options, workerData: { gate } })
  const blocked = get(portOf(balancer), '/block')
  await Atomics.waitAsync(words, 0, 0).value
  return [balancer, words, blocked]
}

function closeServer(words: Int32Array): void {
  Atomics.store(words, 1, 3)
  Atomics.notify(words, 1)
}

// Under nop, what waits is in the kernel.
for (const policy of policyNames.filter((name) => name !== 'nop')) {
  t.test(`what waits at a worker that closes its server goes to the others (${policy})`, async (t) => {
    const [balancer, words, blocked] = await blockedWorker(t, { policy })
    const waiting = Array.from({ length: 40 }, () => get(portOf(balancer)))
    await until('all are accepted', () => balancer.stats().connections.accepted === 41)
    closeServer(words)
    t.equal((await Promise.all(waiting)).length, 40)
    await blocked
    const { stats } = await balancer.close()
    t.match(stats.connections, { accepted: 41, adopted: 41, closed: 41, refused: 0, inFlight: 0, stale: 0 })
  })

  t.test(`what waits when the last worker closes its server is refused and counted (${policy})`, async (t) => {
    const [balancer, words, blocked] = await blockedWorker(t, { policy, workers: 1 })
    const port = portOf(balancer)
    const waiting = Array.from({ length: 40 }, () => get(port).catch(({ code }) => code))
    await until('all are accepted', () => balancer.stats().connections.accepted === 41)
    const closed = once(balancer, 'close')
    closeServer(words)
    await blocked
    t.strictSame(await Promise.all(waiting), new Array(40).fill('ECONNRESET'))
    const [{ stats }] = await closed
    t.match(stats.connections, { accepted: 41, adopted: 1, closed: 1, refused: 40, inFlight: 0, stale: 0 })
    await t.rejects(get(port), { code: 'ECONNREFUSED' }, 'the socket is closed')
  })
}
