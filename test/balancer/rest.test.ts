import { once } from 'node:events'
import { setImmediate as immediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Ledger } from '../../lib/balancer/ledger.ts'
import { Rest } from '../../lib/balancer/rest.ts'
import { loadAddon } from '../../lib/native.ts'
import { Holding } from './holding.ts'

/** Accepting rests after a batch, until workers have adopted it or 2 ms have passed. */

t.test('two connections are dealt, and nothing rests', async (t) => {
  const { ledger, rest, told } = make(t)
  let dealt = 0
  rest.after(2, () => dealt++)
  t.equal(dealt, 1)
  t.notOk(ledger.isResting)
  t.strictSame(told, [])
})

t.test('it rests from before the deal until workers have adopted as many', async (t) => {
  const { ledger, rest, told } = make(t)
  rest.after(3, () => t.ok(ledger.isResting, 'who receives one of the batch knows'))
  t.strictSame(told, [true])
  t.equal(ledger.settled(2), 0)
  const waker = ledger.settled(1)
  t.not(waker, 0)
  t.equal(ledger.settled(1), 0, 'one of them wakes it')
  loadAddon().wake(waker)
  while (told.length < 2) await immediate()
  t.strictSame(told, [true, false])
  t.notOk(ledger.isResting)
})

t.test('what is adopted while it is dealt ends the rest, too', async (t) => {
  const { ledger, rest, told } = make(t)
  rest.after(3, () => loadAddon().wake(ledger.settled(3)))
  while (told.length < 2) await immediate()
  t.strictSame(told, [true, false])
})

t.test('it rests no longer than 2 ms for what nobody adopts, again and again', async (t) => {
  const { ledger, rest, told } = make(t)
  for (let i = 1; i <= 3; i++) {
    rest.after(3, () => undefined)
    while (told.length < 2 * i) await immediate()
    t.notOk(ledger.isResting)
  }
  t.strictSame(told, [true, false, true, false, true, false])
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

function make(t: Test): { ledger: Ledger; rest: Rest; told: boolean[] } {
  const told: boolean[] = []
  const ledger = Ledger.create({ fdLimit: 64, workers: 2 })
  const rest = new Rest({ ledger, onRest: (resting) => told.push(resting) })
  // Neither the waker nor the timer holds the loop open.
  const held = setInterval(() => undefined, 1000)
  t.teardown(() => {
    clearInterval(held)
    rest.close()
  })
  return { ledger, rest, told }
}
