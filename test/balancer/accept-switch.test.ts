import { once } from 'node:events'
import { setImmediate as immediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Rest } from '../../lib/balancer/dispatch/accept-switch.ts'
import type { Backlogs } from '../../lib/balancer/listeners/table.ts'
import { Ledger } from '../../lib/ledger/ledger.ts'
import { loadAddon } from '../../lib/native.ts'
import { until } from '../deadline.ts'
import { Holding } from './holding.ts'

/**
 * Accepting rests from when connections come, until something strands, or nothing comes any more.
 */

t.test('a connection alone is dealt, and nothing rests', async (t) => {
  const { shift, rest, told } = make(t)
  rest.dealt()
  await immediate()
  t.notOk(shift.isResting)
  t.strictSame(told, [])
})

t.test('it rests until a worker ends it', async (t) => {
  const { shift, begin, told } = make(t)
  await begin()
  t.strictSame(told, [true])
  const waker = shift.endRest()
  t.not(waker, 0)
  t.equal(shift.endRest(), 0, 'one of them wakes it')
  loadAddon().wake(waker)
  await until('it ends', () => told.length === 2)
  t.strictSame(told, [true, false])
  t.notOk(shift.isResting)
})

t.test('whoever deals can end it', async (t) => {
  const { shift, rest, begin, told } = make(t)
  await begin()
  rest.end()
  t.strictSame(told, [true, false])
  t.notOk(shift.isResting)
})

t.test('what ends it before it has begun keeps it from that, and closing for good', async (t) => {
  const { rest, told } = make(t)
  rest.dealt()
  rest.dealt()
  rest.end()
  await immediate()
  t.strictSame(told, [])
  rest.close()
  rest.dealt()
  await immediate()
  t.strictSame(told, [])
})

t.test('if a backlog strands, or nobody adopts what was accepted, it ends by itself, again and again', async (t) => {
  const { shift, rest, begin, told, now } = make(t)
  for (const what of [{ backlogs: 'stranded' }, { inFlight: 1 }, { backlogs: 'stranded' }] as const) {
    const before = told.length
    await begin()
    now({ backlogs: 'waiting', inFlight: 0, ...what })
    await until('it ends', () => told.length === before + 2)
    rest.dealt()
    await immediate()
    t.notOk(shift.isResting, 'and it goes on accepting for a while')
  }
  t.strictSame(told, [true, false, true, false, true, false])
})

t.test('as long as workers do something, or nothing strands, it goes on', async (t) => {
  const { rest, told, looks, begin, now } = make(t)
  await begin()
  now({ backlogs: 'waiting' })
  await until('it has looked 3 times', () => looks() >= 3)
  now({ working: true, inFlight: 1 })
  await until('it has looked 6 times', () => looks() >= 6)
  t.strictSame(told, [true])
  rest.end()
  t.strictSame(told, [true, false])
})

t.test('when nothing has come for a while it ends, and there is no timer', async (t) => {
  const { told, looks, begin } = make(t)
  await begin()
  await until('it ends', () => told.length === 2)
  t.ok(looks() > 0)
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
  /** Connections are adopted from look to look. */
  readonly working: boolean
}

function make(t: Test) {
  const told: boolean[] = []
  const { shift } = Ledger.create({ fdLimit: 64, workers: 2 })
  let looks = 0
  let moves = 0
  let situation: Situation = { backlogs: 'empty', inFlight: 0, working: false }
  const rest = new Rest({
    ledger: {
      shift,
      counters: {
        get moves() {
          return situation.working ? ++moves : moves
        },
        get inFlight() {
          return situation.inFlight
        },
      },
    },
    backlogs: () => situation.backlogs,
    onRest: (resting) => told.push(resting),
    onLook: () => looks++,
  })
  // Neither the waker nor the timer holds the loop open.
  const held = setInterval(() => undefined, 1000)
  t.teardown(() => {
    clearInterval(held)
    rest.close()
  })
  const begin = (): Promise<void> =>
    until('it rests', () => {
      if (!shift.isResting) rest.dealt()
      return shift.isResting
    })
  const now = (change: Partial<Situation>): void => {
    situation = { ...situation, ...change }
  }
  return { shift, rest, told, looks: () => looks, begin, now }
}
