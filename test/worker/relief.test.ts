import t from 'tap'
import { loadAddon } from '../../lib/native.ts'
import { closed } from '../balancer/clients.ts'
import { LISTENER, Resting, WORKER } from './resting.ts'

/** A worker accepts in the acceptor's stead: here all in one thread. */

t.test('while the acceptor rests, a few connections at a time go to the device, and then it watches', async (t) => {
  const resting = await Resting.start(t, { clients: 6 })
  resting.relief.adopted(true)
  t.equal(resting.ledger.counts().accepted, 0, 'not unless it rests')
  resting.rest()
  resting.relief.adopted(true)
  t.match(resting.ledger.check(), { counts: { accepted: 4, inFlight: 4 }, table: { inDevice: 4 } })
  t.strictSame([...resting.ledger.shift.handOf(WORKER)], [0, 0, 0, 0], "what is sent is in nobody's hand")
  await resting.idle()
  t.match(resting.ledger.counts(), { accepted: 6, inFlight: 6 })
  t.equal(resting.adoptAll(), 6)
  t.match(resting.ledger.check(), { balanced: true, counts: { adopted: 6, closed: 6, stale: 0 } })
  const { turns } = resting.ledger.shift
  await resting.connect()
  await resting.accepted(7)
  t.ok(resting.ledger.shift.turns > turns, 'the acceptor is told that somebody does something')
  t.equal(resting.adoptAll(), 1)
})

t.test('a full batch: it waits for what else was dealt to it', async (t) => {
  const resting = await Resting.start(t, { clients: 1 })
  resting.rest()
  resting.relief.adopted(false)
  t.ok(resting.ledger.shift.isBusy(WORKER))
  t.equal(resting.ledger.counts().accepted, 0)
  await resting.accepted(1)
  t.equal(resting.adoptAll(), 1)
})

t.test('it watches no more once the acceptor does not rest, and not while it is held', async (t) => {
  const resting = await Resting.start(t, { clients: 0 })
  resting.rest()
  resting.relief.adopted(true)
  await resting.idle()
  resting.ledger.shift.rest(0)
  await resting.connect()
  await resting.busy()
  await resting.idle()
  t.equal(resting.ledger.counts().accepted, 0, 'one look, and no more')
  resting.ledger.shift.setHeld(WORKER, true)
  resting.rest()
  resting.relief.adopted(true)
  await resting.idle()
  t.equal(resting.ledger.counts().accepted, 0)
  resting.ledger.shift.setHeld(WORKER, false)
  resting.relief.adopted(true)
  t.equal(resting.ledger.counts().accepted, 1)
  t.equal(resting.adoptAll(), 1)
})

t.test('an acceptor that begins to rest while this worker finishes is helped, too', async (t) => {
  const resting = await Resting.start(t, { clients: 0 })
  resting.relief.adopted(true)
  resting.rest()
  await resting.connect()
  await resting.accepted(1)
  t.equal(resting.adoptAll(), 1)
})

t.test('what the device does not take is given back', async (t) => {
  const resting = await Resting.start(t, { clients: 4, credits: 1 })
  resting.rest()
  resting.relief.adopted(true)
  await resting.idle()
  t.equal(resting.given.length, 3)
  for (const { fd, stamp, listener } of resting.given) {
    t.equal(listener, LISTENER)
    t.ok(resting.ledger.fromDevice(fd, stamp), 'the acceptor can take it')
    resting.ledger.refuse(fd, stamp)
    loadAddon().resetFd(fd)
  }
  t.equal(resting.adoptAll(), 1)
  t.match(resting.ledger.check(), { balanced: true, counts: { accepted: 4, adopted: 1, refused: 3, stale: 0 } })
})

t.test('when it cannot accept, the acceptor is woken, once', async (t) => {
  const resting = await Resting.start(t, { clients: 1 })
  // As for want of descriptors: another reason than that nobody waits.
  resting.listener.close()
  await Promise.all(resting.clients.map(closed))
  resting.rest()
  resting.relief.adopted(true)
  await resting.woken()
  t.notOk(resting.ledger.shift.isBusy(WORKER))
  t.ok(resting.ledger.shift.isResting, 'until the acceptor has heard of it')
  t.equal(resting.ledger.shift.endRest(), 0)
})

t.test('a listener that was left has nothing for it', async (t) => {
  const resting = await Resting.start(t, { clients: 2 })
  resting.rest()
  resting.relief.leave(LISTENER)
  resting.relief.leave(LISTENER)
  resting.relief.adopted(true)
  await resting.idle()
  t.equal(resting.ledger.counts().accepted, 0)
  resting.join()
  resting.relief.adopted(true)
  t.equal(resting.adoptAll(), 2)
})
