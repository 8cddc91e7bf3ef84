import t from 'tap'
import { type Counting, countable, countableByEach, deepestQueue } from '../../lib/ledger/in-flight-limits.ts'
import { Ledger } from '../../lib/ledger/ledger.ts'
import { CountingRoom } from '../../lib/worker/connections/in-flight-share.ts'

const ADOPTED = 8
const LIMIT = 512

function countingFor(slots: number): Counting {
  const depth = deepestQueue(LIMIT, slots, ADOPTED, 8, 256)
  return { most: 256, limit: LIMIT, apart: depth + ADOPTED }
}

t.test(
  'what is counted, and what waits, fits into the limit, as long as each worker has room for more than one',
  async (t) => {
    for (let slots = 1; slots <= 64; slots++) {
      const counting = countingFor(slots)
      for (let workers = 1; workers <= slots; workers++) {
        const each = countableByEach(counting, workers)
        const all = countable(counting, workers)
        // Each may count one too many.
        if (workers * each > all || all + workers > LIMIT) t.fail(`${workers} of ${slots}: ${each} each, ${all} in all`)
        // One that moves can be dealt to, while all others hold as much as they can.
        const heldByOthers = all + workers + (workers - 1) * counting.apart
        if (slots <= 16 && heldByOthers >= LIMIT) t.fail(`${workers} of ${slots}: others hold ${heldByOthers}`)
        if (each < 3) t.fail(`${workers} of ${slots}: only ${each} count`)
      }
    }
  },
)

t.test(
  'without a limit, each worker counts what its port has entries for, and queues are as deep as they may be',
  async (t) => {
    const counting = { most: 4096, limit: Number.POSITIVE_INFINITY, apart: 264 }
    t.equal(countableByEach(counting, 64), 4096)
    t.equal(deepestQueue(Number.POSITIVE_INFINITY, 64, ADOPTED, 8, 256), 256)
    t.equal(deepestQueue(Number.POSITIVE_INFINITY, 64, ADOPTED, 8, 4), 8, 'and not deeper than what is counted')
  },
)

t.test('beyond what can be counted, workers count in proportion to what they have open', async (t) => {
  const ledger = Ledger.create({ fdLimit: 64, workers: 3 })
  const counting: Counting = { most: 100, limit: 100, apart: 0 }
  const [a, b] = [0, 1].map((worker) => new CountingRoom(counting, 2, ledger.counters, worker))
  const open = (room: CountingRoom, connections: number): number => {
    let early = 0
    for (let i = 0; i < connections; i++) early += room.opened()
    return early
  }
  // 49 each.
  t.equal(open(a, 30) + open(b, 10), 0, 'there is room for all')
  t.equal(open(a, 68), 49, 'a: 98 open, 49 counted')
  t.equal(open(b, 39), 24, 'b: 49 open, half as many as a, and 25 counted')
  t.equal(ledger.counters.countedByDevice, 49 + 25)
  const closed = Array.from({ length: 98 }, () => a.closed())
  t.equal(closed.filter(Boolean).length, 49, 'each that was counted is complete once')
  t.equal(ledger.counters.countedByDevice, 25)
})

t.test(
  'a worker counts no more than the others leave, and gives up what exceeds its share when there are more workers',
  async (t) => {
    const ledger = Ledger.create({ fdLimit: 64, workers: 4 })
    const counting: Counting = { most: 100, limit: 200, apart: 0 }
    const alone = new CountingRoom(counting, 1, ledger.counters, 0)
    for (let i = 0; i < 100; i++) t.equal(alone.opened(), 0)
    // What another has died with, or holds while it is blocked.
    ledger.counters.setCounting(3, 95, 95)
    t.equal(alone.opened(), 1, 'its share is all used')
    const added = new CountingRoom(counting, 3, ledger.counters, 1)
    let early = 0
    for (let i = 0; i < 20; i++) early += added.opened()
    t.ok(ledger.counters.countedByDevice <= countable(counting, 3), 'no more than may be')
    t.ok(early > 0)
    const excess = alone.shareAmong(3)
    t.equal(excess, 100 - countableByEach(counting, 3))
    t.equal(added.opened(), 0, 'there is room again')
  },
)
