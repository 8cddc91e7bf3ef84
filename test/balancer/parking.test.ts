import '../shorter-waits.ts'
import fs from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Eligibility } from '../../lib/balancer/workers/eligibility.ts'
import { Parking, type ParkingParts } from '../../lib/balancer/workers/parking.ts'
import { startBalancer } from '../../lib/index.ts'
import { get, portOf } from '../clients.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

/** Under light load some workers' threads sleep, and rising load wakes them. */

const WORKERS = 3
const REQUESTS = 100
/** What makes the load light. */
const APART_MS = 5

for (const policy of ['unordered', 'least-connections', 'round-robin'] as const) {
  t.test(`light load is served by one worker, the others' threads sleep until it rises (${policy})`, async (t) => {
    const entry = source('test/balancer/fixtures/parked.cjs')
    const balancer = await startBalancer({ entry, workers: WORKERS, parking: true, policy, execArgv: [] })
    t.teardown(() => balancer.close({ timeout: 0 }))
    const port = portOf(balancer)
    const parked = (): number[] =>
      balancer.stats().workers.flatMap(({ worker, held }) => (held.includes('parked') ? [worker] : []))
    // Each worker's kernel thread, while all of them serve.
    const tasks = new Set<string>()
    await until('all workers have served', async () => tasks.add((await get(port, '/0')).body).size === WORKERS)
    const allButOne = (): boolean => parked().length === WORKERS - 1
    await until('all workers but one are parked', allButOne)
    t.strictSame(parked(), [1, 2], 'the highest numbers go first')

    const { served, woken } = await lightLoad([...tasks], port, allButOne)
    t.equal(served.size, 1)
    const asleep = woken.filter((_, i) => !served.has([...tasks][i]))
    t.comment(`voluntary context switches during ${REQUESTS} requests: ${woken.join(', ')}`)
    // Node's own housekeeping may wake a thread; the requests do not.
    t.ok(asleep.length === WORKERS - 1 && asleep.every((count) => count < 20), asleep.join(', '))

    let over = false
    const clients = Array.from({ length: 8 }, async () => {
      while (!over) await get(port, '/10')
    })
    await until('all are awake under load', () => parked().length === 0)
    t.pass('all are awake under load')
    over = true
    await Promise.all(clients)
    await until('all workers but one are parked again', allButOne)
    t.match(balancer.stats().connections, { refused: 0, shed: 0, inFlight: 0 })
    t.equal(balancer.health().status, 'ok')
  })
}

t.test('when connections wait, as many again are woken as are in use, step by step', async (t) => {
  const woken: number[][] = []
  let isSameStep = false
  const eligibility = new Eligibility(8)
  const eligibilityChanged = (worker: number, eligible: boolean): void => {
    if (!eligible) return
    // What is woken at once is one step.
    if (!isSameStep) woken.push([])
    isSameStep = true
    queueMicrotask(() => {
      isSameStep = false
    })
    woken.at(-1)?.push(worker)
  }
  eligibility.observe({ eligibilityChanged })
  const workers = Array.from({ length: 8 }, (_, index) => ({ index, worker: idleWorker() }))
  for (const { index } of workers.slice(1)) eligibility.hold(index, 'parked')
  const parking = new Parking({ eligibility, serving: { threads: workers }, ledger: { counters: { inFlight: 100 } } })
  t.teardown(() => parking.stop())
  await until('seven workers are woken', () => woken.flat().length === 7)
  t.strictSame(woken, [[1], [2, 3], [4, 5, 6, 7]])
})

function idleWorker(): ParkingParts['serving']['threads'][number]['worker'] {
  const performance = { eventLoopUtilization: () => ({ idle: 1, active: 0, utilization: 0 }) }
  return { performance } as unknown as ReturnType<typeof idleWorker>
}

/**
 * Counts who served the requests, and how often each thread went to sleep meanwhile. On a machine
 * that does not run a worker for a while, even these requests are much, and wake another worker:
 * the load is repeated until that does not happen.
 */
async function lightLoad(
  tasks: readonly string[],
  port: number,
  isParked: () => boolean,
): Promise<{ served: Set<string>; woken: number[] }> {
  for (;;) {
    await until('the others are parked', isParked)
    const before = tasks.map(switches)
    const served = new Set<string>()
    for (let i = 0; i < REQUESTS && isParked(); i++) {
      served.add((await get(port, '/0')).body)
      await delay(APART_MS)
    }
    if (isParked()) return { served, woken: tasks.map((task, i) => switches(task) - before[i]) }
  }
}

/** How often the kernel thread went to sleep. */
function switches(task: string): number {
  const status = fs.readFileSync(`/proc/self/task/${task}/status`, 'latin1')
  return Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1])
}
