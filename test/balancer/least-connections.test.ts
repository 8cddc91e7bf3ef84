import { once } from 'node:events'
import t from 'tap'
import { random as randomFrom } from '../conformance/random.ts'
import { seedFor } from '../conformance/seed.ts'
import { difference, type Held, Holding } from './holding.ts'

/** To the worker with the fewest open connections, by the device's own count. */
const workers = 4

t.test('every new connection goes to a worker with the fewest open ones, after closes at any skew', async (t) => {
  const holding = await Holding.start(t, { workers, policy: 'least-connections' })
  const random = randomFrom(seedFor(t))
  for (let round = 0; round < 12; round++) {
    // No more than wait for a worker that is slow to wake.
    await holding.fill(60, 8)
    t.ok(difference(holding.active()) <= 1, `filled: ${holding.active().join(', ')}`)
    // One worker's most of all.
    const threads = new Map<number, number>()
    for (const held of holding.held) {
      const { thread } = await held.taken()
      if (!threads.has(thread)) threads.set(thread, random(11) / 10)
    }
    const ending: Held[] = []
    for (const held of holding.held) {
      const { thread } = await held.taken()
      if (random(1000) / 1000 < (threads.get(thread) ?? 0)) ending.push(held)
    }
    await holding.end(ending)
    const uneven = difference(holding.active())
    for (let i = 0; i < uneven * workers && holding.held.size < 60; i++) {
      const before = holding.active()
      const held = holding.connect()
      await held.taken()
      await holding.until(holding.held.size)
      const chosen = holding.active().findIndex((count, worker) => count > before[worker])
      if (before[chosen] > Math.min(...before)) t.fail(`${before.join(', ')}: worker ${chosen} got it`)
      if (difference(holding.active()) <= 1) break
    }
    t.ok(holding.held.size === 60 || difference(holding.active()) <= 1, holding.active().join(', '))
  }
})

t.test('a worker that dies leaves nothing behind, and nothing of it is stale', async (t) => {
  const holding = await Holding.start(t, { workers: 2, policy: 'least-connections', respawnDelay: 1 })
  holding.balancer.on('worker-exit', () => undefined)
  await holding.fill(40, 8)
  t.strictSame(holding.active(), [20, 20])
  const reborn = once(holding.balancer, 'worker-start')
  await holding.kill()
  await reborn
  await holding.fill(40, 8)
  const { connections } = holding.balancer.stats()
  t.match(connections, { accepted: 60, adopted: 60, active: 40, closed: 20, stale: 0, inFlight: 0 })
})
