import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Dispatch } from '../../lib/balancer/dispatch/dispatch.ts'
import { Eligibility } from '../../lib/balancer/workers/eligibility.ts'
import { StallDetector, type StallDetectorParts } from '../../lib/balancer/workers/stall-detector.ts'
import type { WorkerStats } from '../../lib/index.ts'
import type { Connection, Ledger } from '../../lib/ledger/ledger.ts'
import { until } from '../deadline.ts'
import { type Held, Holding } from './holding.ts'

/** What waits for a worker whose event loop is blocked is served by others, before it unblocks. */

const WORKERS = 3
/** Enough that every worker is dealt some, whatever its load. */
const BURST = 60
/** ms */
const TIMEOUT = 2
const asleep = { cpu: () => 0, isReady: () => false }

const policies = ['unordered', 'least-connections', 'round-robin', 'exact'] as const
/** With listeners that differ in priority, fewer wait at a worker. */
const apart = { '127.0.0.1:1': { priority: 7 } }
const ways: readonly { policy: (typeof policies)[number]; listeners?: typeof apart }[] = [
  ...policies.map((policy) => ({ policy })),
  { policy: 'least-connections', listeners: apart },
]

for (const { policy, listeners } of ways) {
  const title = `${policy}${listeners ? ' and priorities' : ''}`
  t.test(`${title}: connections that wait for a blocked worker are taken back`, async (t) => {
    const holding = await Holding.start(t, { workers: WORKERS, policy, listeners, stallTimeout: 10 })
    const [first] = await connectAll(holding, WORKERS)
    const blocked = await holding.block(first)
    const worker = (): WorkerStats => holding.balancer.stats().workers[blocked]
    const had = worker().adopted
    // This ends while the worker is blocked, or never.
    await connectAll(holding, BURST)
    t.equal(worker().adopted, had, 'it has taken none')
    t.strictSame(worker().held, ['stalled'])
    const { takenBack, inFlight } = holding.balancer.stats().connections
    t.ok(takenBack > 0, `${takenBack} taken back`)
    t.equal(inFlight, 0)
    t.equal(holding.balancer.health().status, 'ok', 'it lives')

    const { queued } = worker()
    await connectAll(holding, 10)
    t.equal(worker().queued, queued, 'it is dealt no more')
    holding.unblock()
    // What was left to it, too.
    const stale = (): number => holding.balancer.stats().connections.stale
    await until('it is free again', () => worker().held.length === 0 && stale() >= takenBack)
    t.equal(stale(), takenBack, 'and found all of it stale')
    // Those that it did not get: it has the fewest.
    await until('it gets one', async () => {
      await connectAll(holding, 1)
      return worker().adopted > had
    })
    t.match(holding.balancer.stats().connections, { refused: 0, shed: 0, stale: takenBack })
  })
}

t.test('while all workers are blocked, not all of them are held, and nothing is lost', async (t) => {
  const holding = await Holding.start(t, { workers: WORKERS, stallTimeout: 1 })
  await holding.blockAll()
  const waiting = Array.from({ length: 10 }, () => holding.connect())
  await until('ten connections are in flight', () => holding.balancer.stats().connections.inFlight >= 10)
  // One that has nothing waiting yet seems to be free; then nobody is, and nothing is taken back
  // any more.
  for (let before = -1; before !== holding.balancer.stats().connections.takenBack; ) {
    before = holding.balancer.stats().connections.takenBack
    await delay(50)
  }
  const held = holding.balancer.stats().workers.filter((worker) => worker.held.length > 0)
  t.ok(held.length < WORKERS, `${held.length} are held`)
  holding.unblock()
  await Promise.all(waiting.map((client) => client.taken()))
  const { stale, takenBack } = holding.balancer.stats().connections
  t.ok(stale <= takenBack)
})

t.test('under least-connections a burst is left to a worker that comes to it in time', async (t) => {
  const holding = await Holding.start(t, { workers: 2, policy: 'least-connections', stallTimeout: 2_000 })
  const [first, other] = await connectAll(holding, 2)
  const blocked = await holding.block(first)
  const burst = Array.from({ length: 38 }, () => holding.connect())
  await until('19 wait for it', () => holding.balancer.stats().workers[blocked].queued >= 19)
  holding.unblock()
  await Promise.all(burst.map((held) => held.taken()))
  t.equal(holding.balancer.stats().connections.takenBack, 0)
  t.strictSame(holding.active(), [20, 20])
  t.not((await first.taken()).thread, (await other.taken()).thread)
})

t.test('what waits is taken back later where connections stay, and their shares are to be kept', async (t) => {
  const kept = detectorOf(t, { keepsShares: true, stay: true, threads: asleep })
  const brief = detectorOf(t, { keepsShares: true, stay: false, threads: asleep })
  const unasked = detectorOf(t, { keepsShares: false, stay: true, threads: asleep })
  let both = false
  await until('it is taken back', () => {
    for (const { detector } of [kept, brief, unasked]) detector.check()
    if (kept.taken.length === 0) both = brief.taken.length === 1 && unasked.taken.length === 1
    return kept.taken.length > 0
  })
  t.ok(both, 'where they come and go, or nobody asked for their shares, it was taken back before')
})

t.test(
  'a worker that could run, and that the kernel does not run, keeps a burst of connections that stay',
  async (t) => {
    let cpu = 5
    const threads = { cpu: () => cpu, isReady: () => true }
    const { detector, taken } = detectorOf(t, { keepsShares: true, stay: true, threads })
    const end = performance.now() + 30 * TIMEOUT
    while (performance.now() < end) {
      detector.check()
      await immediate()
    }
    t.strictSame(taken, [], 'it has not run')
    await until('it is taken back', () => {
      cpu += 1
      detector.check()
      return taken.length > 0
    })
    t.ok(cpu >= 5 + 10 * TIMEOUT, `it has run for ${cpu - 5} ms, and taken nothing`)
  },
)

t.test('a worker of whose thread nothing is known is as one that sleeps', async (t) => {
  const threads = { cpu: () => Number.NaN, isReady: () => true }
  const { detector, taken } = detectorOf(t, { keepsShares: true, stay: true, threads })
  await until('it is taken back', () => {
    detector.check()
    return taken.length > 0
  })
  t.strictSame(taken, [0])
})

t.test('stallTimeout 0: nothing is taken back', async (t) => {
  const holding = await Holding.start(t, { workers: 2, stallTimeout: 0 })
  const [first] = await connectAll(holding, 2)
  const blocked = await holding.block(first)
  const burst = Array.from({ length: BURST }, () => holding.connect())
  const { workers } = holding.balancer.stats()
  const adopted = (): number => holding.balancer.stats().connections.adopted
  await until('all are adopted but what one consumer queue takes', () => adopted() >= BURST + 2 - 8)
  t.strictSame(workers[blocked].held, [])
  t.equal(holding.balancer.stats().connections.takenBack, 0)
  holding.unblock()
  await Promise.all(burst.map((held) => held.taken()))
  t.equal(holding.balancer.stats().connections.stale, 0)
})

interface Setting {
  readonly keepsShares: boolean
  readonly stay: boolean
  readonly threads: StallDetectorParts['threadTimes']
}

/**
 * Two workers: one that never takes what waits for it, and one that has nothing. `taken`: whose was
 * taken back.
 */
function detectorOf(t: Test, { keepsShares, stay, threads }: Setting) {
  const taken: number[] = []
  const waiting = [[{ listener: 0, fd: 1, stamp: 1 }], []]
  const dealer = {
    recover: (connections: readonly Connection[]) => {
      taken.push(connections[0].stamp - 1)
      return connections.length
    },
    deal: () => t.fail('nothing is directed'),
  }
  const dispatch = { domain: { waitingAt: (worker: number) => ({ balanced: waiting[worker], directed: [] }) }, dealer }
  const counters = {
    inFlight: 1,
    adopted: 0,
    get active() {
      return stay ? this.adopted++ : 0
    },
  }
  // The test has the detector check, as workers that accept do.
  const ledger = { workers: waiting.length, counters, acceptMode: { workersAccept: true } }
  const detector = new StallDetector({
    options: { stallTimeout: TIMEOUT },
    ledger: ledger as unknown as Ledger,
    recovery: { takeSentTo: () => [] },
    eligibility: new Eligibility(waiting.length),
    threadTimes: threads,
    dispatch: dispatch as unknown as Dispatch,
    serving: { indexes: [0, 1] },
    table: { listeners: () => [{ policy: { completion: keepsShares ? 'close' : 'adoption' } }] },
  })
  // This many have come since the last second began.
  detector.check()
  counters.adopted += 100
  t.teardown(() => detector.stop())
  return { detector, taken }
}

async function connectAll(holding: Holding, count: number): Promise<Held[]> {
  const all = Array.from({ length: count }, () => holding.connect())
  await Promise.all(all.map((held) => held.taken()))
  return all
}
