import t, { type Test } from 'tap'
import { Ledger } from '../../lib/ledger/ledger.ts'
import { LedgerRecovery } from '../../lib/ledger/recovery.ts'
import { ListeningSocket } from '../../lib/net/listening-socket.ts'
import { Acceptor } from '../../lib/worker/connections/acceptor.ts'
import { type Delivery, LATER } from '../../lib/worker/connections/delivery.ts'
import { OwnSink } from '../../lib/worker/connections/own-sink.ts'
import { closed, connect, ignore } from '../balancer/clients.ts'
import { until } from '../deadline.ts'
import { check } from '../ledger/check-ledger.ts'

/** A worker accepts for itself, without a device: here in main's thread. */

const LISTENER = 3
const WORKER = 1

t.test('what it accepts is pending until the ledger has it as its own', async (t) => {
  const { ledger, pending, taken, address, adoption } = start(t)
  let seen: number[] = []
  adoption.adopt = (fd) => {
    seen = [...pending]
    return ledger.adoptPending(WORKER, fd, 1000)
  }
  for (let i = 1; i <= 3; i++) {
    t.teardown(destroyOf(await connect(address())))
    await until('it is taken', () => taken.length === i)
    t.strictSame(seen, [~taken[i - 1], 0, 0, 0])
    t.strictSame([...pending], [0, 0, 0, 0], 'the ledger has it')
  }
  t.match(check(ledger), { balanced: true, counts: { accepted: 3, adopted: 3, inFlight: 0 }, table: { adopting: 3 } })
})

t.test('the thread ends before the ledger has it: main has the descriptor, and counts it once', async (t) => {
  for (const counted of [false, true]) {
    const { ledger, taken, address, adoption } = start(t)
    const recovery = new LedgerRecovery(ledger)
    let left: readonly number[] = []
    adoption.adopt = (fd) => {
      // The thread has ended before or after it counted the connection.
      if (counted) ledger.counters.countAcceptedAt(WORKER)
      left = recovery.takePending(WORKER).fds
      return ledger.accept(fd, 1000, LISTENER)
    }
    t.teardown(destroyOf(await connect(address())))
    await until('it is taken', () => taken.length === 1)
    t.strictSame(left, taken)
    t.match(check(ledger), { balanced: true, counts: { accepted: 1, adopted: 0, inFlight: 1 }, table: { waiting: 1 } })
  }
})

t.test('what the ledger has no entry for is closed', async (t) => {
  const { ledger, pending, address } = start(t, 1)
  await closed(await connect(address()))
  t.strictSame([...pending], [0, 0, 0, 0])
  t.match(ledger.counters.all(), { accepted: 1, shed: 1, inFlight: 0 })
})

t.test('a socket that has taken the place of another does not end what waits there', async (t) => {
  const { listener, acceptor, taken, address, join } = start(t)
  const other = open()
  t.teardown(() => other.close())
  join()
  join(other.fd)
  for (const at of [address(), other.address]) t.teardown(destroyOf(await connect(at)))
  await until('both are taken', () => taken.length === 2)
  acceptor.leave(LISTENER)
  listener.pause()
  t.teardown(destroyOf(await connect(address())))
  await until('it waits', () => listener.hasWaiting)
  t.equal(taken.length, 2, 'it accepts from neither any more')
})

t.test('a socket that has the number of one before it is another socket', async (t) => {
  const { listener, taken, join } = start(t)
  const { fd } = listener
  listener.leaveToOthers()
  const later = Array.from({ length: 16 }, open)
  t.teardown(() => {
    for (const other of later) other.close()
  })
  const other = later.find((each) => each.fd === fd)
  if (other === undefined) throw new Error('the number did not come again')
  join(fd)
  t.teardown(destroyOf(await connect(other.address)))
  await until('it is taken', () => taken.length === 1)
  t.equal(taken.length, 1)
})

t.test('a route to a socket that main has closed meanwhile changes nothing', async (t) => {
  const { taken, address, join } = start(t)
  const gone = open()
  const { fd } = gone
  gone.close()
  join(fd)
  t.teardown(destroyOf(await connect(address())))
  await until('it is taken', () => taken.length === 1)
  t.equal(taken.length, 1)
})

function open(): ListeningSocket {
  const fail = (): void => {
    throw new Error('main does not accept')
  }
  const listener = ListeningSocket.open(LISTENER, { address: '127.0.0.1', port: 0, backlog: 16, ipv6Only: false }, fail)
  listener.pause()
  return listener
}

/** A worker with one listener. What it takes is not delivered. */
function start(t: Test, fdLimit = 1024) {
  const ledger = Ledger.create({ fdLimit, workers: 2 })
  const listener = open()
  const taken: number[] = []
  const adoption = { adopt: (fd: number): number => ledger.adoptPending(WORKER, fd, 1000) }
  const adopter = {
    adoptPending: (_: number, fd: number): Delivery | typeof LATER | null => {
      if (adoption.adopt(fd) === -1) return null
      taken.push(fd)
      return LATER
    },
  }
  const own = new OwnSink({ ledger, worker: WORKER, adopter, debug: null })
  const acceptor = new Acceptor({ ledger, worker: WORKER, device: null, own, onShed: ignore })
  const join = (socket = listener.fd): void => {
    const accept = { sink: 'own' as const, socket }
    const route = { domainNumber: 0, queue: null, priority: 0, completion: 'adoption' as const, proxyProtocol: false }
    acceptor.join(LISTENER, { ...route, accept, revision: 0 })
  }
  join()
  t.teardown(() => {
    acceptor.close()
    listener.close()
  })
  const pending = ledger.acceptMode.pendingOf(WORKER)
  return { ledger, listener, acceptor, pending, taken, adoption, join, address: () => listener.address }
}

function destroyOf(client: { destroy(): unknown }): () => void {
  return () => {
    client.destroy()
  }
}
