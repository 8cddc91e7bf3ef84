import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { Listener } from '../../lib/balancer/listener.ts'
import { loadAddon } from '../../lib/native.ts'
import { closed, connect } from '../balancer/clients.ts'
import { openDescriptors } from './descriptors.ts'

const { SharedSocket, closeFd } = loadAddon()

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
  const shared = new SharedSocket(listener.fd)
  const hand = new Int32Array(2)
  t.equal(shared.accept(hand), 0, 'none')
  const clients = [await connect(listener.address), await connect(listener.address), await connect(listener.address)]
  t.equal(shared.accept(hand), 2, 'as many as it has room for')
  for (const place of hand) closeFd(~place)
  t.equal(shared.accept(hand), 1, 'what is left')
  closeFd(~hand[0])
  await Promise.all(clients.map(closed))
  shared.close()
  shared.close()
  t.equal(shared.accept(hand), 0, 'closed')
  listener.close()
})

t.test('only of a socket that listens', async (t) => {
  t.throws(() => new SharedSocket(0), { code: 'EBADF' })
  t.throws(() => new SharedSocket(100_000), { code: 'EBADF' })
  t.throws(() => Reflect.construct(SharedSocket, []), TypeError)
})

/** Paused: nobody else accepts. */
function listen(): Listener {
  const options = { address: '127.0.0.1', port: 0, backlog: 16, ipv6Only: false }
  const listener = Listener.open(1, options, () => undefined)
  listener.pause()
  return listener
}
