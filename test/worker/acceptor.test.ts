import t from 'tap'
import { loadAddon } from '../../lib/native.ts'
import { closed } from '../balancer/clients.ts'
import { check } from '../ledger/check-ledger.ts'
import { Accepting, COUNTER, LISTENER, WORKER } from './accepting.ts'

/** Workers accept in main's stead: here all in one thread. */

t.test('while workers accept, it watches, and a few connections at a time go to the device', async (t) => {
  const accepting = await Accepting.start(t, { clients: 6 })
  accepting.acceptor.workersAccept()
  await accepting.someTurns()
  t.equal(accepting.ledger.counters.all().accepted, 0, 'not in another mode')
  accepting.letWorkersAccept()
  accepting.acceptor.workersAccept()
  // At first there could be others who sleep; as long as there are more, nobody does.
  for (const accepted of [1, 3, 6]) {
    await accepting.accepted(accepted)
    t.match(check(accepting.ledger), { counts: { accepted, inFlight: accepted }, table: { inDevice: accepted } })
    t.strictSame([...accepting.ledger.acceptMode.pendingOf(WORKER)], [0, 0, 0, 0], 'what is sent is not pending')
  }
  t.equal(accepting.adoptAll(), 6)
  t.match(check(accepting.ledger), { balanced: true, counts: { adopted: 6, closed: 6, stale: 0 } })
  const count = accepting.ledger.acceptMode.acceptCount(COUNTER)
  await accepting.connect()
  await accepting.accepted(7)
  t.ok(accepting.ledger.acceptMode.acceptCount(COUNTER) > count, 'main can see it')
  t.equal(accepting.adoptAll(), 1)
})

t.test('it watches no more once the mode has changed, and not while it is held', async (t) => {
  const accepting = await Accepting.start(t, { clients: 0 })
  const { acceptMode } = accepting.ledger
  accepting.letWorkersAccept()
  accepting.acceptor.workersAccept()
  acceptMode.set('main')
  await accepting.connect()
  await accepting.someTurns()
  accepting.letWorkersAccept()
  await accepting.someTurns()
  t.equal(accepting.ledger.counters.all().accepted, 0, 'the connection ended the watch')
  acceptMode.setHeld(WORKER, true)
  accepting.acceptor.workersAccept()
  await accepting.someTurns()
  t.equal(accepting.ledger.counters.all().accepted, 0)
  acceptMode.setHeld(WORKER, false)
  accepting.acceptor.workersAccept()
  await accepting.accepted(1)
  acceptMode.setHeld(WORKER, true)
  await accepting.connect()
  await accepting.woken()
  t.equal(accepting.ledger.counters.all().accepted, 1, 'main takes it, since nobody else was told')
  t.equal(accepting.adoptAll(), 1)
})

t.test('another worker is quicker: it goes on watching', async (t) => {
  const accepting = await Accepting.start(t, { clients: 0 })
  accepting.letWorkersAccept()
  accepting.acceptor.workersAccept()
  for (let i = 1; i <= 3; i++) {
    await accepting.connect()
    accepting.other.workersAccept()
    await accepting.accepted(i)
    await accepting.someTurns()
  }
  accepting.other.close()
  await accepting.connect()
  await accepting.accepted(4)
  t.equal(accepting.adoptAll(), 4)
})

t.test('what the device does not take is given back', async (t) => {
  const accepting = await Accepting.start(t, { clients: 4, credits: 1 })
  accepting.letWorkersAccept()
  accepting.acceptor.workersAccept()
  await accepting.woken()
  t.equal(accepting.ledger.counters.all().accepted, 3, 'and no more is accepted: main is needed')
  t.equal(accepting.given.length, 2)
  for (const { fd, stamp, listener } of accepting.given) {
    t.equal(listener, LISTENER)
    t.ok(accepting.ledger.fromDevice(fd, stamp), 'main can take it')
    accepting.ledger.refuse(fd, stamp)
    loadAddon().resetFd(fd)
  }
  t.equal(accepting.adoptAll(), 1)
  t.match(check(accepting.ledger), { balanced: true, counts: { accepted: 3, adopted: 1, refused: 2, stale: 0 } })
})

t.test('when it cannot accept, main is woken, once', async (t) => {
  const accepting = await Accepting.start(t, { clients: 1 })
  accepting.letWorkersAccept()
  accepting.acceptor.workersAccept()
  // This stands for a want of descriptors: accepting fails, although a client waits.
  accepting.listener.close()
  await Promise.all(accepting.clients.map(closed))
  await accepting.woken()
  t.ok(accepting.ledger.acceptMode.workersAccept, 'until main has heard of it')
  t.equal(accepting.ledger.acceptMode.callMain(), 0)
})

t.test('a listener that was left has nothing for it', async (t) => {
  const accepting = await Accepting.start(t, { clients: 2 })
  accepting.letWorkersAccept()
  accepting.acceptor.leave(LISTENER)
  accepting.acceptor.leave(LISTENER)
  accepting.acceptor.workersAccept()
  await accepting.someTurns()
  t.equal(accepting.ledger.counters.all().accepted, 0)
  accepting.join()
  await accepting.accepted(2)
  t.equal(accepting.adoptAll(), 2)
})

t.test('a socket that it cannot share is left to others', async (t) => {
  const accepting = await Accepting.start(t, { clients: 1 })
  accepting.join(accepting.acceptor, 100_000)
  accepting.letWorkersAccept()
  accepting.acceptor.workersAccept()
  await accepting.someTurns()
  t.equal(accepting.ledger.counters.all().accepted, 0)
  accepting.other.workersAccept()
  await accepting.accepted(1)
  t.equal(accepting.adoptAll(), 1)
})
