import t from 'tap'
import { Ledger, NO_STAMP } from '../../lib/ledger/ledger.ts'
import { LedgerRecovery } from '../../lib/ledger/recovery.ts'
import { check, scan } from './check-ledger.ts'

const create = (fdLimit = 100, workers = 2) => Ledger.create({ fdLimit, workers })

/** Brings fd to the state of a connection that worker 0 has adopted. */
function adopted(ledger: Ledger, fd: number, time = 1000, worker = 0): number {
  const stamp = ledger.accept(fd, time, 0)
  ledger.toDevice(fd, stamp)
  ledger.adopt(fd, stamp, worker)
  ledger.opened(fd, stamp, worker)
  return stamp
}

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

t.test('a worker accepts for itself, and what it has not opened when it dies is named', async (t) => {
  const ledger = create(10)
  const recovery = new LedgerRecovery(ledger)
  const stamp = ledger.adoptPending(1, 5, 1000)
  t.match(check(ledger), { balanced: true, counts: { accepted: 1, adopted: 1, active: 1 }, table: { adopting: 1 } })
  t.strictSame(
    [ledger.opened(5, stamp, 0), ledger.opened(5, stamp, 1), ledger.closed(5, stamp, 1)],
    [false, true, true],
  )
  t.equal(ledger.adoptPending(1, 10, 1000), NO_STAMP)
  ledger.adoptPending(0, 6, 1000)
  t.match(check(ledger), { balanced: true, counts: { accepted: 3, adopted: 2, shed: 1, closed: 1, inFlight: 0 } })
  t.strictSame(recovery.takeOwnedBy(0), [6])
  t.match(check(ledger), { balanced: true, counts: { active: 0 } })
})

t.test('a worker that is given the number of a connection which nobody closed with a word', async (t) => {
  const ledger = create()
  const recovery = new LedgerRecovery(ledger)
  ledger.toDevice(4, ledger.accept(4, 1000, 0))
  ledger.accept(5, 1000, 0)
  adopted(ledger, 6, 1000, 0)
  for (const fd of [4, 5, 6]) ledger.adoptPending(1, fd, 2000)
  t.strictSame(recovery.takeOwnedBy(0), [], 'worker 0 has nothing left')
  const { balanced, counts } = check(ledger)
  t.match(counts, { accepted: 6, adopted: 4, refused: 2, closed: 1, active: 3, inFlight: 0 })
  t.equal(balanced, true)
})

t.test("what a failed device held is the acceptor's again, each with its listener", async (t) => {
  const ledger = create()
  const recovery = new LedgerRecovery(ledger)
  const stamps = [10, 11, 12, 13].map((fd) => ledger.accept(fd, -fd, fd + 100))
  for (const i of [0, 1, 2]) ledger.toDevice(10 + i, stamps[i])
  ledger.adopt(11, stamps[1], 1)
  const taken = recovery.takeInDevice()
  t.strictSame(
    taken.map(({ fd, listener }) => ({ fd, listener })),
    [
      { fd: 10, listener: 110 },
      { fd: 12, listener: 112 },
    ],
  )
  t.match(check(ledger), { balanced: true, table: { waiting: 3, inDevice: 0, adopting: 1 } })
  t.equal(ledger.adopt(10, stamps[0], 0), false, 'an event that a worker had received already is stale')
  for (const { fd, stamp } of taken) t.equal(ledger.toDevice(fd, stamp) && ledger.adopt(fd, stamp, 0), true)
  t.strictSame(recovery.takeInDevice(), [])
})

t.test('an fd that comes back while its entry is owned had its connection closed without a word', async (t) => {
  const ledger = create()
  const recovery = new LedgerRecovery(ledger)
  adopted(ledger, 5, 1000, 1)
  const fresh = ledger.accept(5, 2000, 0)
  t.match(check(ledger), { balanced: true, counts: { accepted: 2, adopted: 1, closed: 1, inFlight: 1 } })
  t.strictSame(recovery.takeOwnedBy(1), [], 'the dead worker had nothing else')
  t.equal(ledger.toDevice(5, fresh), true)
  ledger.accept(5, 3000, 0)
  t.match(check(ledger), { balanced: true, counts: { accepted: 3, refused: 1, inFlight: 1 } }, 'lost in the device')
  t.equal(ledger.adopt(5, fresh, 0), false)
})

t.test('what a dead worker owned is closed, and what it may not have opened is named', async (t) => {
  const ledger = create()
  const recovery = new LedgerRecovery(ledger)
  const kept = adopted(ledger, 4, 1000, 0)
  adopted(ledger, 5, 1000, 1)
  adopted(ledger, 6, 1000, 1)
  const stamp = ledger.accept(7, 1000, 0)
  ledger.toDevice(7, stamp)
  ledger.adopt(7, stamp, 1)
  t.strictSame(recovery.takeOwnedBy(1), [7])
  t.match(check(ledger), { balanced: true, counts: { adopted: 4, closed: 3, active: 1 } })
  t.equal(ledger.closed(4, kept, 0), true, "the other worker's are untouched")
  t.strictSame(recovery.takeOwnedBy(1), [])
})

t.test('an increment that a terminated worker missed is made up for', async (t) => {
  // The doubles of worker 1's row: the header's cache line, the acceptor's two, worker 0's two,
  // then adopted and closed.
  const counters = (ledger: Ledger) => new Float64Array(ledger.buffer, 5 * 64, 2)
  for (const missed of [0, 1]) {
    const ledger = create()
    const recovery = new LedgerRecovery(ledger)
    ledger.closed(5, adopted(ledger, 5, 1000, 1), 1)
    adopted(ledger, 6, 1000, 1)
    t.strictSame([...counters(ledger)], [2, 1])
    counters(ledger)[missed]--
    t.equal(check(ledger).balanced, false)
    recovery.takeOwnedBy(1)
    t.match(check(ledger), { balanced: true, counts: { adopted: 2, closed: 2, active: 0 } })
  }
})

t.test('what a worker has accepted for itself is pending until it is entered', (t) => {
  const ledger = create()
  const recovery = new LedgerRecovery(ledger)
  const pending = ledger.acceptMode.pendingOf(1)
  pending[0] = ~7
  t.ok(ledger.acceptMode.isPending(1, 7))
  t.strictSame(recovery.takePending(1), { connections: [], fds: [7] }, 'a worker that died before that')
  t.strictSame(recovery.takePending(1), { connections: [], fds: [] })
  pending[0] = ~8
  ledger.adoptPending(1, 8, 1000)
  // As if it had died between the entry and the place.
  t.strictSame(recovery.takePending(1).fds, [])
  t.strictSame(recovery.takeOwnedBy(1), [8])
  pending[0] = ~1000
  t.strictSame(recovery.takePending(1).fds, [1000], 'one that has no entry')
  t.end()
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

t.test('what a worker had pending when it ended goes on, once', async (t) => {
  const ledger = create()
  const recovery = new LedgerRecovery(ledger)
  const pending = ledger.acceptMode.pendingOf(1)
  // Accepted, and no more; in the ledger, before and after the place says so; sent and adopted;
  // sent and not adopted.
  pending[0] = ~10
  pending[1] = ~11
  const late = ledger.enterPending(1, 11, 1000, 5)
  pending[2] = 12 + 1
  ledger.enterPending(1, 12, 1001, 6)
  pending[3] = 13 + 1
  ledger.adopt(13, ledger.enterPending(1, 13, 1002, 6), 0)
  const left = recovery.takePending(1)
  t.strictSame(left.fds, [10])
  t.strictSame(
    left.connections.map(({ fd, listener }) => [fd, listener]),
    [
      [11, 5],
      [12, 6],
    ],
  )
  t.match(check(ledger), { balanced: true, counts: { accepted: 3, adopted: 1 }, table: { waiting: 2, inDevice: 0 } })
  t.notOk(ledger.adopt(11, late, 0), 'an event of it that was sent is stale')
  t.strictSame(recovery.takePending(1), { connections: [], fds: [] })
  t.equal(ledger.enterPending(0, 100, 1, 0), NO_STAMP, 'beyond the table')
  t.match(ledger.counters.all(), { accepted: 4, shed: 1 })
})

t.test('what a worker had counted and not entered when it ended is counted once', async (t) => {
  for (const counted of [false, true]) {
    const ledger = create()
    const recovery = new LedgerRecovery(ledger)
    const pending = ledger.acceptMode.pendingOf(1)
    ledger.adopt(9, ledger.enterPending(1, 9, 1000, 5), 0)
    pending.set([~10, ~11, ~12])
    ledger.counters.beginPending(1)
    ledger.enterPending(1, 10, 1001, 5)
    pending[0] = 10 + 1
    if (counted) ledger.counters.countAcceptedAt(1)
    t.strictSame(recovery.takePending(1).fds, [11, 12])
    for (const fd of [11, 12]) ledger.accept(fd, 1002, 5)
    t.match(check(ledger), { balanced: true, counts: { accepted: 4, inFlight: 3 }, table: { waiting: 3 } })
    // Its successor ends while it sends, and the next one before it has entered any.
    pending[0] = ~13
    ledger.counters.beginPending(1)
    ledger.enterPending(1, 13, 1003, 5)
    pending[0] = 13 + 1
    recovery.takePending(1)
    ledger.adoptPending(1, 14, 1004)
    pending[0] = ~15
    recovery.takePending(1)
    ledger.accept(15, 1005, 5)
    t.match(check(ledger), { balanced: true, counts: { accepted: 7, inFlight: 5 }, table: { waiting: 5 } })
    t.equal(ledger.counters.inFlight, 5)
    t.equal(ledger.counters.moves, 7 + 2, 'accepted and adopted')
  }
})

t.test("what a dead worker may have left open is nobody else's", async (t) => {
  const ledger = create()
  const recovery = new LedgerRecovery(ledger)
  for (const fd of [7, 8, 9]) {
    const stamp = ledger.accept(fd, 1000, 0)
    ledger.toDevice(fd, stamp)
    ledger.adopt(fd, stamp, 1)
  }
  t.strictSame(recovery.takeOwnedBy(1), [7, 8, 9])
  // Node had closed these, and worker 0 is given their numbers.
  ledger.acceptMode.pendingOf(0)[0] = ~7
  ledger.closed(8, ledger.adoptPending(0, 8, 1001), 0)
  t.notOk(recovery.isOrphan(7), 'it is pending')
  t.notOk(recovery.isOrphan(8), 'also if it is free again')
  t.ok(recovery.isOrphan(9))
  t.notOk(recovery.isOrphan(10))
})
