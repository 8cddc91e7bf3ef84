import t from 'tap'
import { Lifetimes } from '../../lib/balancer/workers/lifetimes.ts'

/**
 * Connections that stay are told from those that come and go: by how many of the recent ones are
 * open, and for how long they are.
 */

const SECOND = 1000
const STAY_MS = 30

t.test('a burst that is open stays; one that is closed again at once does not', async (t) => {
  const { lifetimes, counts } = connections()
  lifetimes.sample(10 * SECOND)
  counts.open(100)
  t.equal(lifetimes.stay, true)
  counts.close(51)
  lifetimes.sample(10 * SECOND + 5)
  t.equal(lifetimes.stay, false)
})

t.test('a burst that was open for a while stays, also once it is closed and another comes', async (t) => {
  const { lifetimes, counts } = connections()
  lifetimes.sample(10 * SECOND)
  for (let burst = 0; burst < 4; burst++) {
    const begin = 10 * SECOND + burst * 200
    lifetimes.sample(begin)
    counts.open(64)
    lifetimes.sample(begin + 5)
    // Nobody looks while nothing comes.
    counts.close(64)
    lifetimes.sample(begin + 199)
    counts.open(1)
    t.equal(lifetimes.stay, true, `burst ${burst}`)
    counts.close(1)
  }
})

t.test(
  'a steady stream stays if its connections are open for long enough on average, whatever their number',
  async (t) => {
    for (const [rate, openMs, stay] of [
      [500, 5, false],
      [500, 60, true],
      [5, 200, true],
    ] as const) {
      const { lifetimes, counts } = connections()
      counts.open((rate * openMs) / 1000)
      for (let ms = 0; ms <= 5 * SECOND; ms += 5) {
        lifetimes.sample(20 * SECOND + ms)
        counts.open((rate * 5) / 1000)
        counts.close((rate * 5) / 1000)
      }
      t.equal(lifetimes.stay, stay, `${rate}/s, open for ${openMs} ms`)
    }
  },
)

t.test('all that stay may be replaced at once', async (t) => {
  const { lifetimes, counts } = connections()
  counts.open(250)
  lifetimes.sample(10 * SECOND)
  lifetimes.sample(11 * SECOND)
  counts.close(250)
  counts.open(250)
  t.equal(lifetimes.stay, true)
})

t.test('what came more than two seconds ago does not count, what came less than one does', async (t) => {
  const { lifetimes, counts } = connections()
  lifetimes.sample(10 * SECOND)
  counts.open(1000)
  counts.close(1000)
  lifetimes.sample(11 * SECOND)
  counts.open(1)
  t.equal(lifetimes.stay, false, 'the mark before is what it compares with')
  lifetimes.sample(11.5 * SECOND)
  t.equal(lifetimes.stay, false, 'marks are a second apart')
  lifetimes.sample(12 * SECOND)
  t.equal(lifetimes.stay, true)
})

t.test('nor does what came before a pause', async (t) => {
  const { lifetimes, counts } = connections()
  lifetimes.sample(10 * SECOND)
  counts.open(1000)
  counts.close(1000)
  lifetimes.sample(60 * SECOND)
  counts.open(1)
  t.equal(lifetimes.stay, true)
})

function connections() {
  const counters = { adopted: 0, active: 0 }
  const counts = {
    open: (connections: number) => {
      counters.adopted += connections
      counters.active += connections
    },
    close: (connections: number) => {
      counters.active -= connections
    },
  }
  return { lifetimes: new Lifetimes(counters, STAY_MS), counts }
}
