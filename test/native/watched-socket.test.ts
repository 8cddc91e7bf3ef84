import { once } from 'node:events'
import os from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { Listener, WatchedSocket } from '../../lib/balancer/listener.ts'
import { loadAddon } from '../../lib/native.ts'
import { closed, connect } from '../balancer/clients.ts'
import { openDescriptors } from './descriptors.ts'

const { closeFd } = loadAddon()
const { EINVAL } = os.constants.errno

t.test('what a thread has accepted is in shared memory when it is terminated, and is still open', async (t) => {
  const listener = listen()
  const client = await connect(listener.address)
  const before = openDescriptors().length
  const hand = new Int32Array(new SharedArrayBuffer(16))
  const file = new URL('./fixtures/sharing-worker.js', import.meta.url)
  const worker = new Worker(file, { workerData: { socket: listener.fd, hand }, execArgv: [] })
  await once(worker, 'message')
  await worker.terminate()
  const fd = ~hand[0]
  t.strictSame([...hand], [~fd, 0, 0, 0])
  t.ok(listener.isConnection(fd))
  t.equal(closeFd(fd), 0)
  await closed(client)
  t.equal(openDescriptors().length, before - 1, 'but for the client, whose socket is closed')
  listener.close()
})

t.test('it takes what there is and has room', async (t) => {
  const listener = listen()
  let calls = 0
  const shared = new WatchedSocket(listener.fd, () => calls++)
  const hand = new Int32Array(2)
  t.equal(shared.acceptInto(hand), 0, 'none')
  const clients = [await connect(listener.address), await connect(listener.address), await connect(listener.address)]
  t.equal(shared.acceptInto(hand), 2, 'as many as it has room for')
  for (const place of hand) closeFd(~place)
  t.equal(shared.acceptInto(hand), 1, 'what is left')
  closeFd(~hand[0])
  await Promise.all(clients.map(closed))
  shared.close()
  shared.close()
  t.equal(shared.acceptInto(hand), 0, 'closed')
  listener.close()
})

t.test(
  'it is told of connections while it watches, until they are taken; nobody accepts from a socket that is shut down',
  async (t) => {
    const listener = listen()
    let calls = 0
    const shared = new WatchedSocket(listener.fd, () => {
      // Level-triggered.
      if (++calls === 3) closeFd(~take(shared))
    })
    const client = await connect(listener.address)
    await turn()
    t.equal(calls, 0, 'not while it does not watch')
    shared.watch(true)
    await closed(client)
    t.equal(calls, 3)
    shared.watch(false)
    listener.close()
    t.equal(shared.acceptInto(new Int32Array(1)), -EINVAL)
    shared.close()
  },
)

t.test('only of a socket that listens', async (t) => {
  for (const fd of [0, 100_000]) {
    t.throws(() => new WatchedSocket(fd, () => undefined), { code: 'ERR_DLB_LISTEN', cause: { code: 'EBADF' } })
  }
})

function take(shared: WatchedSocket): number {
  const hand = new Int32Array(1)
  shared.acceptInto(hand)
  return hand[0]
}

/** Paused: nobody else accepts. */
function listen(): Listener {
  const options = { address: '127.0.0.1', port: 0, backlog: 16, ipv6Only: false }
  const listener = Listener.open(1, options, () => undefined)
  listener.pause()
  return listener
}
