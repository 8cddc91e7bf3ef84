import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { loadAddon } from '../../lib/native.ts'
import { ListeningSocket } from '../../lib/net/listening-socket.ts'
import { WatchedSocket } from '../../lib/net/shared-listening-socket.ts'
import { closed, connect } from '../balancer/clients.ts'
import { until } from '../deadline.ts'
import { openDescriptors } from './descriptors.ts'

const { closeFd } = loadAddon()
const { EINVAL } = os.constants.errno
const EPOLLEXCLUSIVE = 1 << 28

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

t.test('the kernel wakes one of those that watch, and not always the same', async (t) => {
  const { workers, accepted, exchange } = await watchers(t)
  await exchange(64)
  t.ok(Math.min(...accepted) > 0, accepted.join(', '))
  t.equal(exclusiveWatches(), 2)
  await Promise.all(workers.map((worker) => worker.terminate()))
  t.equal(exclusiveWatches(), 0)
})

t.test('whoever watches anew is told of what waits, for somebody who was told of it and does not come', async (t) => {
  const { listener, workers, accepted, gate, exchange } = await watchers(t)
  await exchange(64)
  t.equal(exclusiveWatches(), 2)
  const before = [...accepted]
  const blocked = Promise.race(
    workers.map(async (worker, i) => ((await once(worker, 'message'))[0] === 'blocked' ? i : -1)),
  )
  gate[0] = 1
  const client = await connect(listener.address)
  const late = await blocked
  for (const worker of workers) worker.postMessage('watch')
  await closed(client)
  await until('the other accepts', () => accepted[1 - late] > before[1 - late])
  t.equal(accepted[late], before[late])
  gate[0] = 0
  Atomics.notify(gate, 0)
})

t.test('only of a socket that listens', async (t) => {
  for (const fd of [0, 100_000]) {
    t.throws(() => new WatchedSocket(fd, () => undefined), { code: 'ERR_DLB_LISTEN', cause: { code: 'EBADF' } })
  }
})

/** Two threads that watch a socket, and what they have accepted. */
async function watchers(t: Test) {
  const listener = listen()
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const file = new URL('./fixtures/watching-worker.js', import.meta.url)
  const accepted = [0, 0]
  const workers = accepted.map((_, i) => {
    const worker = new Worker(file, { workerData: { socket: listener.fd, gate }, execArgv: [] })
    return worker.on('message', (message) => {
      if (message === 'accepted') accepted[i]++
    })
  })
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  t.teardown(async () => {
    await Promise.all(workers.map((worker) => worker.terminate()))
    listener.close()
  })
  const exchange = async (connections: number): Promise<void> => {
    for (let i = 1; i <= connections; i++) {
      await closed(await connect(listener.address))
      await until(`${i} connections are accepted`, () => accepted[0] + accepted[1] >= i)
    }
  }
  return { listener, workers, accepted, gate, exchange }
}

/** In the epoll sets of all threads: proc(5), fdinfo. */
function exclusiveWatches(): number {
  const sets = openDescriptors().filter((descriptor) => descriptor.endsWith('[eventpoll]'))
  const entries = sets.flatMap((set) => {
    const file = `/proc/self/fdinfo/${Number.parseInt(set, 10)}`
    return [...readFileSync(file, 'latin1').matchAll(/^tfd:.*events:\s*([0-9a-f]+)/gm)]
  })
  return entries.filter(([, events]) => (Number.parseInt(events, 16) & EPOLLEXCLUSIVE) !== 0).length
}

function take(shared: WatchedSocket): number {
  const hand = new Int32Array(1)
  shared.acceptInto(hand)
  return hand[0]
}

/** Paused: nobody else accepts. */
function listen(): ListeningSocket {
  const options = { address: '127.0.0.1', port: 0, backlog: 16, ipv6Only: false }
  const listener = ListeningSocket.open(1, options, () => undefined)
  listener.pause()
  return listener
}
