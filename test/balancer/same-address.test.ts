import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type Balancer, startBalancer } from '../../lib/index.ts'
import { get } from '../clients.ts'
import { until } from '../deadline.ts'
import { runCli, runNode, source } from '../programs.ts'

/**
 * Which listeners are one: what the kernel takes for the same address, in whatever words a worker
 * asks for it, and whatever it was before.
 */

/** Milliseconds: several times as long as workers take to come together. */
const TOGETHER_MS = 20_000
const TRIES = 3

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** `found`: how many workers have found their port, ever. */
async function start(t: Test, argv: string[], found: Int32Array): Promise<Balancer> {
  const entry = source('test/balancer/fixtures/port-finders.cjs')
  const balancer = await startBalancer({ entry, argv, workers: 3, workerData: found, execArgv: [] })
  t.teardown(() => balancer.close({ timeout: 0 }))
  return balancer
}

/**
 * Waits until `count` searches have ended and all workers listen on one address.
 * @returns its port; null if that does not come about: between two binds of a port, another program
 *   of this machine can take it, and then the workers are not at fault
 */
async function together(balancer: Balancer, found: Int32Array, count: number): Promise<number | null> {
  let port: number | null = null
  const areTogether = (): boolean => {
    const { listeners } = balancer.stats()
    const all = listeners.find(({ workers }) => workers.length === 3)
    if (!all || listeners.length !== 1 || Atomics.load(found, 0) < count) return false
    port = all.port
    return true
  }
  await until('all workers listen on one address', areTogether, TOGETHER_MS).catch(() => undefined)
  return port
}

/** @returns the ports before and after a reload, of the first try in which no port is taken */
async function findPorts(t: Test, way: string): Promise<[number, number]> {
  for (let tries = 0; tries < TRIES; tries++) {
    const found = new Int32Array(new SharedArrayBuffer(4))
    const balancer = await start(t, [way, String(await freePort())], found)
    const before = await together(balancer, found, 3)
    if (before === null) {
      t.comment(`try ${tries}: the workers did not come together`)
      continue
    }
    t.match((await get(before)).body, /^\d+$/)
    await balancer.reload()
    const after = await together(balancer, found, 6)
    if (after === null) {
      t.comment(`try ${tries}: the workers did not come together after the reload`)
      continue
    }
    t.match((await get(after)).body, /^\d+$/)
    return [before, after]
  }
  throw new Error(`the workers were not together in ${TRIES} tries`)
}

const ways = [
  'tries each address of the machine',
  'tries each address of the machine, and then all',
  'tries a few names',
  'lets the kernel choose, and listens there',
  'lets the kernel choose on one address, and listens on all',
  'lets the kernel choose twice',
]

for (const way of ways) {
  t.test(`a program that ${way}: all workers get the same port, also after a reload`, async (t) => {
    const [before, after] = await findPorts(t, way)
    t.equal(after, before)
  })
}

t.test('two addresses on one port are one, or not, as on plain Node', async (t) => {
  const fixture = source('test/balancer/fixtures/pairs.cjs')
  const plain = await runNode([fixture, String(await freePort())])
  for (const workers of ['1', '3']) {
    const balanced = await runCli(['run', fixture, '--workers', workers, '--', String(await freePort())])
    const outcomes = balanced.stdout.trim().split('\n')
    t.equal(outcomes.length, Number(workers), balanced.stderr)
    for (const outcome of outcomes) t.strictSame(JSON.parse(outcome), JSON.parse(plain.stdout), `${workers} workers`)
  }
})
