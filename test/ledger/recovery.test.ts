import t from 'tap'
import { type Ledger, NO_STAMP } from '../../lib/ledger/ledger.ts'
import { LedgerRecovery } from '../../lib/ledger/recovery.ts'
import { adopted, create } from './adopted.ts'
import { check } from './check-ledger.ts'

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

t.test("what a failed device held is main's again, each with its listener", async (t) => {
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
  // The doubles of worker 1's row: the header's cache line, main's two, worker 0's two,
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
  // This is the state of a worker that has died between the entry and the pending list.
  t.strictSame(recovery.takePending(1).fds, [])
  t.strictSame(recovery.takeOwnedBy(1), [8])
  pending[0] = ~1000
  t.strictSame(recovery.takePending(1).fds, [1000], 'one that has no entry')
  t.end()
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
