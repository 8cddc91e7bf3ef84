import { once } from 'node:events'
import { setImmediate as immediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Ledger } from '../../lib/balancer/ledger.ts'
import { Rest } from '../../lib/balancer/rest.ts'
import { loadAddon } from '../../lib/native.ts'
import { Holding } from './holding.ts'

/** So many are few: accepting rests although they have nothing to do. */
const FEW = 4

/** Accepting rests from when connections come in quick succession, until many workers have nothing to do, or nobody does anything. */

t.test('a connection alone is dealt, and nothing rests', async (t) => {
  const { shift, rest, told } = make(t)
  rest.beforeDeal()
  t.notOk(shift.isResting)
  t.strictSame(told, [])
})

t.test('nor does it while more than a few workers have nothing to do', async (t) => {
  const { rest, told, setIdle } = make(t)
  setIdle(FEW + 1)
  for (let i = 0; i < 100; i++) rest.beforeDeal()
  t.strictSame(told, [])
})

t.test('it rests until a worker ends it', async (t) => {
  const { shift, begin, told } = make(t)
  begin()
  t.strictSame(told, [true])
  const waker = shift.endRest()
  t.not(waker, 0)
  t.equal(shift.endRest(), 0, 'one of them wakes it')
  loadAddon().wake(waker)
  while (told.length < 2) await immediate()
  t.strictSame(told, [true, false])
  t.notOk(shift.isResting)
})

t.test('whoever deals can end it', async (t) => {
  const { shift, rest, begin, told } = make(t)
  begin()
  rest.end()
  t.strictSame(told, [true, false])
  t.notOk(shift.isResting)
})

t.test('if nobody does anything it ends by itself, again and again', async (t) => {
  const { shift, begin, told } = make(t)
  for (let i = 1; i <= 3; i++) {
    begin()
    while (told.length < 2 * i) await immediate()
    t.notOk(shift.isResting)
  }
  t.strictSame(told, [true, false, true, false, true, false])
})

t.test('as long as workers do something it goes on', async (t) => {
  const { rest, told, progress, work } = make(t)
  work()
  while (progress() < 3) await immediate()
  t.strictSame(told, [true])
  rest.end()
  t.strictSame(told, [true, false])
})

t.test('it does not while more than a few have nothing to do', async (t) => {
  const { told, progress, work, setIdle } = make(t)
  work()
  setIdle(FEW)
  while (progress() < 3) await immediate()
  t.strictSame(told, [true])
  setIdle(FEW + 1)
  while (told.length < 2) await immediate()
  t.strictSame(told, [true, false])
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

function make(t: Test) {
  const told: boolean[] = []
  const { shift } = Ledger.create({ fdLimit: 64, workers: 2 })
  let progress = 0
  let idle = FEW
  const rest = new Rest({
    shift,
    idle: () => idle,
    onRest: (resting) => told.push(resting),
    onProgress: () => progress++,
  })
  // Neither the waker nor the timer holds the loop open.
  const held = setInterval(() => undefined, 1000)
  t.teardown(() => {
    clearInterval(held)
    rest.close()
  })
  const setIdle = (workers: number): void => {
    idle = workers
  }
  const begin = (): void => {
    while (!shift.isResting) rest.beforeDeal()
  }
  /** It rests, and from here on workers do something. */
  const work = (): void => {
    begin()
    const working = setInterval(() => shift.turned(), 1)
    t.teardown(() => clearInterval(working))
  }
  return { shift, rest, told, progress: () => progress, setIdle, begin, work }
}
