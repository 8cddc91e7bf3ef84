import t from 'tap'
import { Holding } from './holding.ts'

/** Connections of one client address are on one worker, as long as one of them is open. */
const workers = 4
const clients = Array.from({ length: 24 }, (_, i) => `127.0.1.${i + 1}`)

t.test('concurrent connections of one client are on one worker, and clients spread', async (t) => {
  const holding = await Holding.start(t, { workers, policy: 'affinity' })
  const threads = new Map<string, Set<number>>(clients.map((client) => [client, new Set()]))
  for (let round = 0; round < 5; round++) {
    const held = clients.map((localAddress) => ({ localAddress, held: holding.connect({ localAddress }) }))
    for (const { localAddress, held: client } of held) threads.get(localAddress)?.add((await client.taken()).thread)
    // The oldest one ends: the others keep the client where it is.
    if (round > 0) await holding.end([...holding.held].slice(0, clients.length))
  }
  for (const [client, { size }] of threads) t.equal(size, 1, client)
  await holding.until(clients.length)
  t.strictSame(holding.active(), [6, 6, 6, 6], 'one connection of each client is left')
})

t.test('a client that has no connection any more is like a new one', async (t) => {
  const holding = await Holding.start(t, { workers: 2, policy: 'affinity' })
  const first = holding.connect({ localAddress: '127.0.1.1' })
  const { thread } = await first.taken()
  await holding.end([first])
  const other = holding.connect({ localAddress: '127.0.1.2' })
  const { thread: othersThread } = await other.taken()
  const again = holding.connect({ localAddress: '127.0.1.1' })
  t.not((await again.taken()).thread, othersThread, 'the worker that has fewer')
  t.type(thread, 'number')
})

t.test("a worker's death moves its clients to the others", async (t) => {
  const holding = await Holding.start(t, {
    workers: 2,
    policy: 'affinity',
    respawnDelay: 60_000,
    maxRespawnDelay: 60_000,
  })
  holding.balancer.on('worker-exit', () => undefined)
  const localAddress = '127.0.1.1'
  const { thread } = await holding.connect({ localAddress }).taken()
  await holding.kill()
  const threads = await Promise.all([1, 2, 3].map(() => holding.connect({ localAddress }).taken()))
  t.equal(new Set(threads.map((taken) => taken.thread)).size, 1)
  t.not(threads[0].thread, thread)
})
