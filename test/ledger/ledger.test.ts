import t from 'tap'
import { Ledger, NO_STAMP } from '../../lib/ledger/ledger.ts'
import { adopted, create } from './adopted.ts'
import { check, scan } from './check-ledger.ts'

t.test('a connection goes from accept to close, and each step is counted', async (t) => {
  const ledger = create()
  const stamp = ledger.accept(7, 1000, 0)
  t.equal(stamp, 1000)
  t.match(check(ledger), { balanced: true, counts: { accepted: 1, inFlight: 1 }, table: { waiting: 1 } })
  t.equal(ledger.toDevice(7, stamp), true)
  t.match(check(ledger), { balanced: true, counts: { inFlight: 1 }, table: { waiting: 0, inDevice: 1 } })
  t.equal(ledger.adopt(7, stamp, 1), true)
  t.match(check(ledger), { balanced: true, counts: { adopted: 1, inFlight: 0, active: 1 }, table: { adopting: 1 } })
  t.equal(ledger.opened(7, stamp, 1), true)
  t.match(check(ledger), { balanced: true, table: { adopting: 0, adopted: 1, owned: [0, 1] } })
  t.equal(ledger.closed(7, stamp, 1), true)
  t.match(check(ledger), {
    balanced: true,
    counts: { accepted: 1, adopted: 1, closed: 1, active: 0, inFlight: 0, stale: 0 },
    table: { waiting: 0, inDevice: 0, adopting: 0, adopted: 0 },
  })
})

t.test(
  'every move that names another connection, state or owner changes nothing and is counted as stale',
  async (t) => {
    const moves: Record<string, (ledger: Ledger, fd: number, stamp: number) => boolean> = {
      toDevice: (ledger, fd, stamp) => ledger.toDevice(fd, stamp),
      fromDevice: (ledger, fd, stamp) => ledger.fromDevice(fd, stamp),
      refuse: (ledger, fd, stamp) => ledger.refuse(fd, stamp),
      shedWaiting: (ledger, fd, stamp) => ledger.shedWaiting(fd, stamp),
      'adopt by 0': (ledger, fd, stamp) => ledger.adopt(fd, stamp, 0),
      'opened by 0': (ledger, fd, stamp) => ledger.opened(fd, stamp, 0),
      'opened by 1': (ledger, fd, stamp) => ledger.opened(fd, stamp, 1),
      'closed by 0': (ledger, fd, stamp) => ledger.closed(fd, stamp, 0),
      'closed by 1': (ledger, fd, stamp) => ledger.closed(fd, stamp, 1),
    }
    const path = ['accept', 'toDevice', 'adopt by 0', 'opened by 0', 'closed by 0']
    const allowed: Record<string, string[]> = {
      accept: ['toDevice', 'refuse', 'shedWaiting'],
      toDevice: ['fromDevice', 'adopt by 0'],
      'adopt by 0': ['opened by 0', 'closed by 0'],
      'opened by 0': ['closed by 0'],
      'closed by 0': [],
    }
    for (let length = 1; length <= path.length; length++) {
      const state = path[length - 1]
      for (const [name, move] of Object.entries(moves)) {
        const ledger = create()
        const stamp = ledger.accept(5, 1000, 0)
        for (const step of path.slice(1, length)) moves[step](ledger, 5, stamp)
        const before = JSON.stringify(scan(ledger))
        for (const [fd, wrong] of [
          [5, stamp + 1],
          [6, stamp],
          [-1, stamp],
          [100, stamp],
          [2 ** 31 - 1, stamp],
          [5, NO_STAMP],
        ]) {
          t.equal(move(ledger, fd, wrong), false)
        }
        t.equal(JSON.stringify(scan(ledger)), before, `${name} of another connection after ${state}`)
        t.equal(ledger.counters.all().stale, 6)
        t.equal(move(ledger, 5, stamp), allowed[state].includes(name), `${name} after ${state}`)
        t.equal(check(ledger).balanced, true)
      }
    }
  },
)

t.test('an event delivered twice is adopted once', async (t) => {
  const ledger = create()
  const stamp = ledger.accept(5, 1000, 0)
  ledger.toDevice(5, stamp)
  t.strictSame([ledger.adopt(5, stamp, 0), ledger.adopt(5, stamp, 1)], [true, false])
  t.match(ledger.counters.all(), {
    adopted: 1,
    stale: 1,
    workers: [
      { adopted: 1, stale: 0 },
      { adopted: 0, stale: 1 },
    ],
  })
})

t.test('the next connection with the same fd has another generation, even in the same µs', async (t) => {
  const ledger = create()
  const first = adopted(ledger, 5, 1000)
  ledger.closed(5, first, 0)
  const second = ledger.accept(5, 1000, 0)
  t.not(second, first)
  ledger.toDevice(5, second)
  t.equal(ledger.adopt(5, first, 0), false, 'the late event does not get the stranger')
  t.equal(ledger.closed(5, first, 0), false, 'nor does a late close')
  t.equal(ledger.adopt(5, second, 0), true)
})

t.test('stamps are int32 whatever the clock says, and never NO_STAMP', async (t) => {
  const ledger = create()
  for (const time of [0, 0.75, -1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 1e15, 1 << 22]) {
    const stamp = ledger.accept(5, time, 0)
    t.equal(stamp, stamp | 0)
    t.not(stamp, NO_STAMP)
    const late = (stamp - (time | 0)) | 0
    t.ok(late >= 0 && late <= 2, `${time} became ${stamp}`)
    t.ok(ledger.toDevice(5, stamp) && ledger.adopt(5, stamp, 0) && ledger.closed(5, stamp, 0))
  }
})

t.test('an fd beyond the table is shed, and shed connections are in the law', async (t) => {
  const ledger = create(10)
  t.equal(ledger.accept(10, 1000, 0), NO_STAMP)
  t.equal(ledger.accept(2 ** 30, 1000, 0), NO_STAMP)
  ledger.counters.countShed(5)
  t.match(check(ledger), { balanced: true, counts: { accepted: 7, shed: 7, inFlight: 0 } })
})

t.test('a refused connection is in the law', async (t) => {
  const ledger = create()
  const stamp = ledger.accept(5, 1000, 0)
  t.equal(ledger.refuse(5, stamp), true)
  t.match(check(ledger), { balanced: true, counts: { accepted: 1, refused: 1, inFlight: 0 } })
})

t.test('what is shed by policy is in the law', async (t) => {
  const ledger = create()
  ledger.shedWaiting(5, ledger.accept(5, 1000, 0))
  ledger.counters.countShedAt(1, 2)
  t.match(check(ledger), { balanced: true, counts: { accepted: 3, shed: 3, inFlight: 0 } })
})

t.test('any limit on descriptors will do, odd ones too', (t) => {
  for (const fdLimit of [1, 3, 1023, 1024]) {
    const ledger = create(fdLimit)
    t.equal(ledger.entries.capacity, fdLimit)
    t.not(ledger.accept(fdLimit - 1, 1000, 0), NO_STAMP)
    t.equal(new Ledger(ledger.buffer).entries.capacity, fdLimit)
  }
  t.end()
})

t.test('capacity and workers are checked', async (t) => {
  for (const [fdLimit, workers] of [
    [0, 1],
    [Number.NaN, 1],
    [10, 0],
    [10, 129],
    [10, 1.5],
  ]) {
    t.throws(() => create(fdLimit, workers), { code: 'ERR_DLB_INVALID_ARGUMENT' })
  }
  t.equal(create(Number.POSITIVE_INFINITY, 128).entries.capacity, 1 << 22)
})

t.test('the highest worker index and the highest fd have entries of their own', async (t) => {
  const ledger = create(64, 128)
  const stamp = adopted(ledger, 63, -5, 127)
  t.equal(scan(ledger).owned[127], 1)
  t.equal(new Ledger(ledger.buffer).closed(63, stamp, 127), true, 'seen through another Ledger over the same memory')
  t.equal(ledger.counters.all().workers[127].closed, 1)
})
