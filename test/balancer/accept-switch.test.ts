import { once } from 'node:events'
import { setImmediate as immediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { AcceptSwitch, type Backlogs } from '../../lib/balancer/dispatch/accept-switch.ts'
import type { AcceptModeName } from '../../lib/ledger/accept-mode.ts'
import { Ledger } from '../../lib/ledger/ledger.ts'
import { loadAddon } from '../../lib/native.ts'
import { until } from '../deadline.ts'
import { ignore } from './clients.ts'
import { Holding } from './holding.ts'

/**
 * Workers accept from when connections come quickly, until a backlog is stranded, or nothing comes
 * any more.
 */

/** A listener from which workers can accept, and one from which they cannot. */
const SHARED = 1
const MAINS = 2

t.test('a connection alone is dealt, and main goes on accepting', async (t) => {
  const { acceptMode, acceptSwitch, told } = make(t)
  acceptSwitch.accepted(SHARED)
  await immediate()
  t.equal(acceptMode.current, 'main')
  t.strictSame(told, [])
})

t.test('connections of listeners from which only main accepts change nothing', async (t) => {
  const { acceptSwitch, told } = make(t)
  for (let i = 0; i < 3; i++) acceptSwitch.accepted(MAINS)
  await immediate()
  t.strictSame(told, [])
})

t.test('workers accept until one of them calls main', async (t) => {
  const { acceptMode, acceptSwitch, begin, told, invited } = make(t)
  await begin()
  t.strictSame(told, ['workers'])
  t.strictSame(invited, [0, 1], 'the workers that are not held hear of it')
  acceptSwitch.eligibilityChanged(3, false)
  t.ok(acceptMode.isHeld(3))
  acceptSwitch.eligibilityChanged(3, true)
  t.notOk(acceptMode.isHeld(3))
  t.strictSame(invited, [0, 1, 3], 'and one that is held no more')
  const waker = acceptMode.callMain()
  t.not(waker, 0)
  t.equal(acceptMode.callMain(), 0, 'one of them wakes main')
  t.equal(acceptMode.current, 'workers', 'until main has run')
  loadAddon().wake(waker)
  await until('main accepts again', () => told.length === 2)
  t.strictSame(told, ['workers', 'main'])
  t.equal(acceptMode.current, 'main')
  acceptSwitch.eligibilityChanged(2, true)
  t.strictSame(invited, [0, 1, 3], 'main accepts: there is nothing to hear')
})

t.test('a device that fails ends it', async (t) => {
  const { acceptMode, acceptSwitch, begin, told } = make(t)
  await begin()
  acceptSwitch.acceptInMain()
  t.strictSame(told, ['workers', 'main'])
  t.equal(acceptMode.current, 'main')
})

t.test('while the dealer is blocked nobody accepts, and main does afterwards', async (t) => {
  const { acceptMode, acceptSwitch, begin, told, lines } = make(t)
  acceptSwitch.setBlocked(true)
  t.equal(acceptSwitch.mode, 'paused')
  acceptSwitch.acceptInMain()
  acceptSwitch.accepted(SHARED)
  acceptSwitch.accepted(SHARED)
  await immediate()
  t.equal(acceptMode.current, 'paused')
  acceptSwitch.setBlocked(false)
  await begin()
  acceptSwitch.setBlocked(true)
  t.notOk(acceptMode.workersAccept)
  t.equal(acceptMode.callMain(), 0)
  acceptSwitch.setBlocked(false)
  t.strictSame(told, ['paused', 'main', 'workers', 'paused', 'main'])
  t.strictSame(
    lines,
    told.map((mode) => `worker_4 accept mode ${mode}`),
  )
})

t.test('what ends it before it has begun keeps it from that, and closing for good', async (t) => {
  const { acceptSwitch, told } = make(t)
  acceptSwitch.accepted(SHARED)
  acceptSwitch.accepted(SHARED)
  acceptSwitch.acceptInMain()
  await immediate()
  t.strictSame(told, [])
  acceptSwitch.close()
  acceptSwitch.close()
  acceptSwitch.accepted(SHARED)
  acceptSwitch.accepted(SHARED)
  acceptSwitch.setBlocked(false)
  await immediate()
  t.strictSame(told, ['paused'])
})

t.test('if a backlog strands, or nobody adopts what was accepted, it ends by itself, again and again', async (t) => {
  const { acceptMode, acceptSwitch, begin, told, now } = make(t)
  for (const what of [{ backlogs: 'stranded' }, { inFlight: 1 }, { backlogs: 'stranded' }] as const) {
    const before = told.length
    await begin()
    now({ backlogs: 'waiting', inFlight: 0, ...what })
    await until('main accepts again', () => told.length === before + 2)
    acceptSwitch.accepted(SHARED)
    await immediate()
    t.equal(acceptMode.current, 'main', 'and main goes on accepting for a while')
  }
  t.strictSame(told, ['workers', 'main', 'workers', 'main', 'workers', 'main'])
})

t.test('as long as workers do something, or nothing strands, it goes on', async (t) => {
  const { acceptSwitch, told, checks, begin, now } = make(t)
  await begin()
  now({ backlogs: 'waiting' })
  await until('it has checked 3 times', () => checks() >= 3)
  now({ working: true, inFlight: 1 })
  await until('it has checked 6 times', () => checks() >= 6)
  t.strictSame(told, ['workers'])
  acceptSwitch.acceptInMain()
  t.strictSame(told, ['workers', 'main'])
})

t.test('when nothing has come for a while it ends, and there is no timer', async (t) => {
  const { told, checks, begin } = make(t)
  await begin()
  await until('main accepts again', () => told.length === 2)
  t.ok(checks() > 0)
})

for (const policy of ['unordered', 'round-robin'] as const) {
  t.test(
    `a worker that is blocked, and one that dies, do not keep the others from new connections (${policy})`,
    async (t) => {
      const holding = await Holding.start(t, { workers: 3, policy, stallTimeout: 10, respawnDelay: 1 })
      holding.balancer.on('worker-exit', () => undefined)
      await holding.fill(30)
      const [first] = holding.held
      await holding.block(first)
      const more = Array.from({ length: 100 }, () => holding.connect())
      await Promise.all(more.map((held) => held.taken()))
      holding.unblock()
      const exited = once(holding.balancer, 'worker-exit')
      more[0].socket.write('exit')
      await exited
      const last = Array.from({ length: 100 }, () => holding.connect())
      await Promise.all(last.map((held) => held.taken()))
      t.match(holding.balancer.stats().connections, { accepted: 230, adopted: 230, refused: 0, shed: 0 })
    },
  )
}

interface Situation {
  readonly backlogs: Backlogs
  readonly inFlight: number
  /** Connections are adopted from check to check. */
  readonly working: boolean
}

function make(t: Test) {
  const told: AcceptModeName[] = []
  const invited: number[] = []
  const lines: string[] = []
  const { acceptMode } = Ledger.create({ fdLimit: 64, workers: 4 })
  let checks = 0
  let moves = 0
  let situation: Situation = { backlogs: 'empty', inFlight: 0, working: false }
  const acceptSwitch = new AcceptSwitch({
    ledger: {
      acceptMode,
      counters: {
        get moves() {
          return situation.working ? ++moves : moves
        },
        get inFlight() {
          return situation.inFlight
        },
      },
    },
    table: {
      accepting: {
        setAcceptMode: (mode) => told.push(mode),
        canWorkersAccept: (listener) => listener === SHARED,
        checkBacklogs: () => situation.backlogs,
      },
    },
    workers: { post: (worker) => invited.push(worker) },
    eligibility: { isEligible: (worker) => worker < 2 },
    serving: { indexes: [0, 1, 2] },
    stalls: { check: () => checks++, arm: ignore },
    options: { workerPlaces: 4, debug: (line) => lines.push(line) },
  })
  // Neither the waker nor the timer holds the loop open.
  const held = setInterval(() => undefined, 1000)
  t.teardown(() => {
    clearInterval(held)
    acceptSwitch.close()
  })
  const begin = (): Promise<void> =>
    until('workers accept', () => {
      if (!acceptMode.workersAccept) acceptSwitch.accepted(SHARED)
      return acceptMode.workersAccept
    })
  const now = (change: Partial<Situation>): void => {
    situation = { ...situation, ...change }
  }
  return { acceptMode, acceptSwitch, told, invited, lines, checks: () => checks, begin, now }
}
