import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { setImmediate as immediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { type Balancer, startBalancer } from '../../lib/index.ts'
import { get, portOf, ways } from '../clients.ts'
import { until } from '../deadline.ts'
import { openDescriptors } from '../native/descriptors.ts'
import { source } from '../programs.ts'

/**
 * Workers die again and again, in every way that does not end the process, while connections keep
 * coming.
 */

const nightly = process.env.NODE_DLB_NIGHTLY === '1'
const DEATHS = nightly ? 100 : 20
const RATE = 500
/** A machine that is too busy for the rate gets fewer: the backlog has room for these. */
const MOST_AT_ONCE = 250
const WORKERS = 4
/** Ways to die. The last is left to those who have a minute: the worker fills its heap first. */
const ends = ['/exit', '/throw', '/reject', ...(nightly ? ['/memory'] : [])]

const PATIENCE_MS = nightly ? 600_000 : 60_000

if (nightly) t.setTimeout(600_000)

for (const policy of ways) {
  t.test(`${DEATHS} deaths at ${RATE} connections a second cost what the dead had adopted (${policy})`, async (t) => {
    // What the first life leaves is Node's own, made once.
    const warm = await start(policy)
    await get(portOf(warm))
    await warm.close()
    await immediate()
    const before = { descriptors: openDescriptors(), threads: threads(), resources: resources() }

    const balancer = await start(policy)
    let deaths = 0
    balancer.on('worker-exit', () => deaths++)
    const clients = new Set<Promise<void>>()
    const outcomes = { answered: 0, reset: 0, other: [] as unknown[] }
    const ask = (path: string): void => {
      const client = get(portOf(balancer), path)
        .then(() => void outcomes.answered++)
        .catch((error) => {
          if (error.code === 'ECONNRESET') outcomes.reset++
          else outcomes.other.push(error)
        })
        .finally(() => clients.delete(client))
      clients.add(client)
    }
    const started = performance.now()
    let asked = 0
    let killed = 0
    const askAndKill = (): boolean => {
      // All requests that are due are sent, so the rate hardly depends on the answers.
      const due = Math.floor(((performance.now() - started) / 1000) * RATE)
      for (; asked < due && clients.size < MOST_AT_ONCE; asked++) ask('/')
      if (killed === deaths) ask(ends[killed++ % ends.length])
      return deaths >= DEATHS
    }
    await until(`${DEATHS} workers have died`, askAndKill, PATIENCE_MS)
    // Every client ends: with its answer, or with its worker.
    await Promise.all(clients)
    t.strictSame(outcomes.other, [], 'no client saw anything else')
    t.comment(`${asked} connections, ${outcomes.reset} reset in ${deaths} deaths`)
    t.ok(outcomes.reset >= DEATHS, 'those who asked for it')
    const isWell = (problem: string): boolean => problem.includes('listens again')
    await until('all workers listen again', () => balancer.health().problems.every(isWell))
    const { stats, cut } = await balancer.close()
    t.equal(cut, 0)
    const { accepted, adopted, closed, refused, shed, inFlight, active } = stats.connections
    t.strictSame({ refused, shed, inFlight, active }, { refused: 0, shed: 0, inFlight: 0, active: 0 })
    t.equal(accepted, adopted, 'all were served by somebody')
    t.equal(adopted, closed)
    t.equal(accepted, outcomes.answered + outcomes.reset, 'as many as the clients know of')
    const extra = () => ({
      descriptors: openDescriptors().filter((name) => !before.descriptors.includes(name)),
      threads: Math.max(0, threads() - before.threads),
      resources: Math.max(0, resources() - before.resources),
    })
    const none = { descriptors: [], threads: 0, resources: 0 }
    await until('nothing is left of the dead', () => isDeepStrictEqual(extra(), none)).catch(() => undefined)
    t.strictSame(extra(), none)
  })
}

t.test('a crash loop makes the health degraded, and the others serve', async (t) => {
  const balancer = await start('unordered', { respawnDelay: 20 })
  t.teardown(() => balancer.close({ timeout: 0 }))
  t.match(balancer.health(), { status: 'ok', problems: [] })
  for (let i = 0; i < 4; i++) await kill(balancer, 0)
  t.match(balancer.health(), {
    status: 'degraded',
    problems: ['worker_0 has died 4 times in a row, and waits to be started again'],
  })
  t.ok((await get(portOf(balancer))).body, 'the others serve')
  await until('worker_0 listens', () => balancer.stats().workers[0].listening)
  t.match(balancer.health(), {
    status: 'degraded',
    problems: ['worker_0 listens again, and has died 4 times in a row before'],
  })
  t.strictSame(balancer.stats().health, balancer.health())
  void balancer.close()
  t.match(balancer.health(), { status: 'closing', problems: [] })
})

async function start(policy: (typeof ways)[number], options: { respawnDelay?: number } = {}): Promise<Balancer> {
  const entry = source('test/integration/fixtures/lifecycle.cjs')
  const delays = { respawnDelay: 1, maxRespawnDelay: 50, ...options }
  const balancer = await startBalancer({ entry, workers: WORKERS, execArgv: [], policy, ...delays })
  // What they say in dying is not for the test's output.
  balancer.on('worker-exit', () => undefined)
  return balancer
}

/** Asks until that worker gets the request to exit; others only answer. */
async function kill(balancer: Balancer, worker: number): Promise<void> {
  await until(`worker_${worker} listens`, () => balancer.stats().workers[worker].listening)
  const died = once(balancer, 'worker-exit')
  const { threadId } = balancer.stats().workers[worker]
  const asked = (): Promise<boolean> =>
    get(portOf(balancer), `/exit?${threadId}`).then(
      () => false,
      () => true,
    )
  await until(`worker_${worker} gets the request`, asked)
  await died
}

function threads(): number {
  return readdirSync('/proc/self/task').length
}

/**
 * What this thread's loop waits for, but timers: a thread that is not let go leaves its message
 * ports.
 */
function resources(): number {
  return process.getActiveResourcesInfo().filter((name) => name !== 'Timeout' && name !== 'Immediate').length
}
