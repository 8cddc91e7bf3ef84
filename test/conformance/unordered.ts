import type { Test } from 'tap'
import { numbered, numbers, type Open, range, World } from './world.ts'

/**
 * Unordered events go to the linked port with the least load: what was scheduled to it and is not
 * released.
 */
export function unordered(t: Test, open: Open): void {
  const ports = Array.from({ length: 4 }, () => ({ cqDepth: 16 }))

  t.test('events spread evenly over ports with equal loads', async (t) => {
    const w = new World(t, open, { queues: [{}], ports }).linkAll()
    await w.send(numbered(20, { queue: w.queues[0] }))
    await w.loaded(20)
    t.same(
      w.ports.map((port) => w.load(port)),
      [5, 5, 5, 5],
    )
    const taken = await Promise.all(w.ports.map((port) => w.take(port, 5)))
    t.same(
      taken.flatMap(numbers).sort((a, b) => a - b),
      range(0, 20),
      'each event exactly once',
    )
  })

  t.test('ports with equal loads take turns', async (t) => {
    const w = new World(t, open, { queues: [{}], ports }).linkAll()
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 40; i++) {
      await w.send([{ queue: w.queues[0] }])
      await w.loaded(1)
      const at = w.ports.findIndex((port) => w.load(port) === 1)
      counts[at]++
      await w.take(w.ports[at], 1)
      w.ports[at].release(1)
      await w.loaded(0)
    }
    t.same(counts, [10, 10, 10, 10])
  })

  t.test('the port that has released gets the next events', async (t) => {
    const w = new World(t, open, { queues: [{}], ports }).linkAll()
    await w.send(numbered(16, { queue: w.queues[0] }))
    await w.loaded(16)
    await w.take(w.ports[2], 4)
    w.ports[2].release(4)
    await w.loaded(12)
    await w.send(numbered(4, { queue: w.queues[0] }, 16))
    t.same(numbers(await w.take(w.ports[2], 4)), [16, 17, 18, 19])
  })

  t.test('an event that was received counts until it is released', async (t) => {
    const w = new World(t, open, { queues: [{}], ports }).linkAll()
    await w.send(numbered(16, { queue: w.queues[0] }))
    await w.loaded(16)
    await w.take(w.ports[0], 4)
    await w.take(w.ports[1], 4)
    w.ports[1].release(2)
    await w.loaded(14)
    t.equal(w.ports[0].unreleased, 4)
    t.equal(w.ports[1].unreleased, 2)
    await w.send(numbered(2, { queue: w.queues[0] }, 16))
    t.same(numbers(await w.take(w.ports[1], 2)), [16, 17], 'the empty CQ of the port that owes 4 does not count')
  })

  t.test('forward completes as release does, and the successor goes where it names', async (t) => {
    const w = new World(t, open, { queues: [{}, {}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }] })
    const [first, second] = w.ports
    first.link(w.queues[0])
    second.link(w.queues[1])
    await w.send(numbered(5, { queue: w.queues[0] }))
    await w.take(first, 5)
    await w.forward(first, numbered(3, { queue: w.queues[1] }, 100))
    t.equal(first.unreleased, 2)
    t.same(numbers(await w.take(second, 3)), [100, 101, 102])
    t.equal(w.load(first), 2)
    t.equal(w.load(second), 3)
  })

  t.test('a port that does not receive holds up no other', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }] }).linkAll()
    const [stuck, busy] = w.ports
    await w.send(numbered(100, { queue: w.queues[0] }))
    const seen: number[] = []
    while (seen.length < 92) {
      seen.push(...numbers(await w.take(busy, 1)))
      busy.release(1)
    }
    seen.push(...numbers(await w.take(stuck, 8)))
    t.same(
      seen.sort((a, b) => a - b),
      range(0, 100),
    )
    t.same([...(await w.rest(stuck)), ...(await w.rest(busy))], [])
  })

  t.test('one port gets the events of one sender in their order', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }] }).linkAll()
    await w.send(numbered(100, { queue: w.queues[0] }))
    for (let i = 0; i < 100; i += 4) {
      t.same(numbers(await w.take(w.ports[0], 4)), range(i, i + 4))
      w.ports[0].release(4)
    }
  })
}
