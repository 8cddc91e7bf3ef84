import t from 'tap'
import { loadAddon } from '../../lib/native.ts'
import { closed } from '../balancer/clients.ts'
import { LISTENER, Resting, WORKER } from './resting.ts'

/** A worker accepts in the acceptor's stead: here all in one thread. */

t.test('while the acceptor rests, a few connections at a time go to the device, and then the rest ends', async (t) => {
  const resting = await Resting.start(t, { clients: 6 })
  resting.relief.adopted(true)
  t.equal(resting.ledger.counts().accepted, 0, 'not unless it rests')
  resting.rest()
  resting.relief.adopted(true)
  t.match(resting.ledger.check(), { counts: { accepted: 4, inFlight: 4 }, table: { inDevice: 4 } })
  t.strictSame([...resting.ledger.handOf(WORKER)], [0, 0, 0, 0], "what is sent is in nobody's hand")
  await resting.woken()
  t.match(resting.ledger.counts(), { accepted: 6, inFlight: 6 })
  t.ok(resting.ledger.isResting, 'until the acceptor has heard of it')
  t.notOk(resting.ledger.isBusy(WORKER))
  t.equal(resting.ledger.endRest(), 0, 'it is woken once')
  t.equal(resting.adoptAll(), 6)
  t.match(resting.ledger.check(), { balanced: true, counts: { adopted: 6, closed: 6, stale: 0 } })
})

t.test('a full batch: it waits for what else was dealt to it', async (t) => {
  const resting = await Resting.start(t, { clients: 1 })
  resting.rest()
  resting.relief.adopted(false)
  t.ok(resting.ledger.isBusy(WORKER))
  t.equal(resting.ledger.counts().accepted, 0)
  await resting.woken()
  t.equal(resting.adoptAll(), 1)
})

t.test('an acceptor that begins to rest while this worker finishes is woken, too', async (t) => {
  const resting = await Resting.start(t, { clients: 0 })
  resting.relief.adopted(true)
  resting.rest()
  await resting.woken()
  t.notOk(resting.ledger.isBusy(WORKER))
})

t.test('what the device does not take is given back', async (t) => {
  const resting = await Resting.start(t, { clients: 4, credits: 1 })
  resting.rest()
  resting.relief.adopted(true)
  await resting.woken()
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

t.test('a listener that was left, or is closed, has nothing for it', async (t) => {
  const resting = await Resting.start(t, { clients: 2 })
  resting.rest()
  resting.relief.leave(LISTENER)
  resting.relief.leave(LISTENER)
  resting.relief.adopted(true)
  await resting.woken()
  t.equal(resting.ledger.counts().accepted, 0)
  resting.join()
  resting.listener.close()
  await Promise.all(resting.clients.map(closed))
  resting.rest()
  resting.relief.adopted(true)
  await resting.woken()
  t.equal(resting.ledger.counts().accepted, 0, 'who shares a socket that is closed has nothing to accept')
})
