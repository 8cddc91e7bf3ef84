import t from 'tap'
import {
  countableByAll,
  countableByEach,
  deepestQueue,
  type InFlightLimits,
} from '../../lib/ledger/in-flight-limits.ts'
import { Ledger } from '../../lib/ledger/ledger.ts'
import { InFlightShare } from '../../lib/worker/connections/in-flight-share.ts'

const ADOPTED = 8
const LIMIT = 512

function limitsFor(places: number): InFlightLimits {
  const depth = deepestQueue(LIMIT, places, ADOPTED, 8, 256)
  return { perWorker: 256, total: LIMIT, reserved: depth + ADOPTED }
}

t.test(
  'what is counted, and what waits, fits into the limit, as long as each worker has room for more than one',
  async (t) => {
    const wrong: string[] = []
    for (let places = 1; places <= 64; places++) {
      const limits = limitsFor(places)
      for (let workers = 1; workers <= places; workers++) {
        const each = countableByEach(limits, workers)
        const all = countableByAll(limits, workers)
        // Each may count one too many.
        if (workers * each > all || all + workers > LIMIT)
          wrong.push(`${workers} of ${places}: ${each} each, ${all} in all`)
        // One that moves can be dealt to, while all others hold as much as they can.
        const heldByOthers = all + workers + (workers - 1) * limits.reserved
        if (places <= 16 && heldByOthers >= LIMIT) wrong.push(`${workers} of ${places}: others hold ${heldByOthers}`)
        if (each < 3) wrong.push(`${workers} of ${places}: only ${each} count`)
      }
    }
    t.strictSame(wrong, [])
  },
)

t.test(
  'without a limit, each worker counts what its port has entries for, and queues are as deep as they may be',
  async (t) => {
    const limits = { perWorker: 4096, total: Number.POSITIVE_INFINITY, reserved: 264 }
    t.equal(countableByEach(limits, 64), 4096)
    t.equal(deepestQueue(Number.POSITIVE_INFINITY, 64, ADOPTED, 8, 256), 256)
    t.equal(deepestQueue(Number.POSITIVE_INFINITY, 64, ADOPTED, 8, 4), 8, 'and not deeper than what is counted')
  },
)

t.test('beyond what can be counted, workers count in proportion to what they have open', async (t) => {
  const ledger = Ledger.create({ fdLimit: 64, workers: 3 })
  const limits: InFlightLimits = { perWorker: 100, total: 100, reserved: 0 }
  const [a, b] = [0, 1].map((worker) => new InFlightShare(limits, 2, ledger.counters, worker))
  const open = (share: InFlightShare, connections: number): number => {
    let early = 0
    for (let i = 0; i < connections; i++) early += share.opened()
    return early
  }
  // 49 each.
  t.equal(open(a, 30) + open(b, 10), 0, 'there is room for all')
  t.equal(open(a, 68), 49, 'a: 98 open, 49 counted')
  t.equal(open(b, 39), 24, 'b: 49 open, half as many as a, and 25 counted')
  t.equal(ledger.counters.counted, 49 + 25)
  const closed = Array.from({ length: 98 }, () => a.closed())
  t.equal(closed.filter(Boolean).length, 49, 'each that was counted is complete once')
  t.equal(ledger.counters.counted, 25)
})

t.test(
  'a worker counts no more than the others leave, and gives up what exceeds its share when there are more workers',
  async (t) => {
    const ledger = Ledger.create({ fdLimit: 64, workers: 4 })
    const limits: InFlightLimits = { perWorker: 100, total: 200, reserved: 0 }
    const alone = new InFlightShare(limits, 1, ledger.counters, 0)
    for (let i = 0; i < 100; i++) t.equal(alone.opened(), 0)
    // What another has died with, or holds while it is blocked.
    ledger.counters.setLoad(3, 95, 95)
    t.equal(alone.opened(), 1, 'its share is all used')
    const added = new InFlightShare(limits, 3, ledger.counters, 1)
    let early = 0
    for (let i = 0; i < 20; i++) early += added.opened()
    t.ok(ledger.counters.counted <= countableByAll(limits, 3), 'no more than may be')
    t.ok(early > 0)
    const excess = alone.shareAmong(3)
    t.equal(excess, 100 - countableByEach(limits, 3))
    t.equal(added.opened(), 0, 'there is room again')
  },
)
