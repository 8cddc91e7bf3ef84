import t from 'tap'
import { loadAddon } from '../../lib/native.ts'
import { closed } from '../balancer/clients.ts'
import { check } from '../ledger/check-ledger.ts'
import { LISTENER, PLACE, Resting, WORKER } from './accepting.ts'

/** A worker accepts in the acceptor's stead: here all in one thread. */

t.test('while the acceptor rests, it watches, and a few connections at a time go to the device', async (t) => {
  const resting = await Resting.start(t, { clients: 6 })
  resting.relief.begin()
  await resting.someTurns()
  t.equal(resting.ledger.counters.all().accepted, 0, 'not unless it rests')
  resting.rest()
  resting.relief.begin()
  // At first there could be others who sleep; as long as there are more, nobody does.
  for (const accepted of [1, 3, 6]) {
    await resting.accepted(accepted)
    t.match(check(resting.ledger), { counts: { accepted, inFlight: accepted }, table: { inDevice: accepted } })
    t.strictSame([...resting.ledger.shift.handOf(WORKER)], [0, 0, 0, 0], "what is sent is in nobody's hand")
  }
  t.equal(resting.adoptAll(), 6)
  t.match(check(resting.ledger), { balanced: true, counts: { adopted: 6, closed: 6, stale: 0 } })
  const turns = resting.ledger.shift.turnsAt(PLACE)
  await resting.connect()
  await resting.accepted(7)
  t.ok(resting.ledger.shift.turnsAt(PLACE) > turns, 'the acceptor can see it')
  t.equal(resting.adoptAll(), 1)
})

t.test('it watches no more once the acceptor does not rest, and not while it is held', async (t) => {
  const resting = await Resting.start(t, { clients: 0 })
  const { shift } = resting.ledger
  resting.rest()
  resting.relief.begin()
  shift.rest(0)
  await resting.connect()
  await resting.someTurns()
  resting.rest()
  await resting.someTurns()
  t.equal(resting.ledger.counters.all().accepted, 0, 'the connection ended the watch')
  shift.setHeld(WORKER, true)
  resting.relief.begin()
  await resting.someTurns()
  t.equal(resting.ledger.counters.all().accepted, 0)
  shift.setHeld(WORKER, false)
  resting.relief.begin()
  await resting.accepted(1)
  shift.setHeld(WORKER, true)
  await resting.connect()
  await resting.woken()
  t.equal(resting.ledger.counters.all().accepted, 1, 'the acceptor takes it, since nobody else was told')
  t.equal(resting.adoptAll(), 1)
})

t.test('another worker is quicker: it goes on watching', async (t) => {
  const resting = await Resting.start(t, { clients: 0 })
  resting.rest()
  resting.relief.begin()
  for (let i = 1; i <= 3; i++) {
    await resting.connect()
    resting.other.begin()
    await resting.accepted(i)
    await resting.someTurns()
  }
  resting.other.close()
  await resting.connect()
  await resting.accepted(4)
  t.equal(resting.adoptAll(), 4)
})

t.test('what the device does not take is given back', async (t) => {
  const resting = await Resting.start(t, { clients: 4, credits: 1 })
  resting.rest()
  resting.relief.begin()
  await resting.woken()
  t.equal(resting.ledger.counters.all().accepted, 3, 'and no more is accepted: the acceptor is needed')
  t.equal(resting.given.length, 2)
  for (const { fd, stamp, listener } of resting.given) {
    t.equal(listener, LISTENER)
    t.ok(resting.ledger.fromDevice(fd, stamp), 'the acceptor can take it')
    resting.ledger.refuse(fd, stamp)
    loadAddon().resetFd(fd)
  }
  t.equal(resting.adoptAll(), 1)
  t.match(check(resting.ledger), { balanced: true, counts: { accepted: 3, adopted: 1, refused: 2, stale: 0 } })
})

t.test('when it cannot accept, the acceptor is woken, once', async (t) => {
  const resting = await Resting.start(t, { clients: 1 })
  resting.rest()
  resting.relief.begin()
  // As for want of descriptors: another reason than that nobody waits.
  resting.listener.close()
  await Promise.all(resting.clients.map(closed))
  await resting.woken()
  t.ok(resting.ledger.shift.isResting, 'until the acceptor has heard of it')
  t.equal(resting.ledger.shift.endRest(), 0)
})

t.test('a listener that was left has nothing for it', async (t) => {
  const resting = await Resting.start(t, { clients: 2 })
  resting.rest()
  resting.relief.leave(LISTENER)
  resting.relief.leave(LISTENER)
  resting.relief.begin()
  await resting.someTurns()
  t.equal(resting.ledger.counters.all().accepted, 0)
  resting.join()
  await resting.accepted(2)
  t.equal(resting.adoptAll(), 2)
})

t.test('a socket that it cannot share is left to others', async (t) => {
  const resting = await Resting.start(t, { clients: 1 })
  resting.join(resting.relief, 100_000)
  resting.rest()
  resting.relief.begin()
  await resting.someTurns()
  t.equal(resting.ledger.counters.all().accepted, 0)
  resting.other.begin()
  await resting.accepted(1)
  t.equal(resting.adoptAll(), 1)
})
