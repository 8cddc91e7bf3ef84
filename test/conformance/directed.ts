import type { Test } from 'tap'
import { numbered, numbers, type Open, range, SchedulingType, World } from './world.ts'

/** Directed queues: one port each, order of arrival, nothing owed. */
export function directed(t: Test, open: Open): void {
  t.test("a directed event arrives at its queue's port as it was sent", async (t) => {
    const w = new World(t, open, { directed: [{ cqDepth: 8 }, { cqDepth: 8 }] })
    const queue = w.directedQueues[1]
    await w.send([{ queue, number: 0xfffffff, group: 77, data16: 0xabcd, priority: 5, flowId: 9 }])
    const [event] = await w.take(w.directed[1], 1)
    t.same(event, {
      number: 0xfffffff,
      group: 77,
      data16: 0xabcd,
      queue: queue.id,
      type: SchedulingType.directed,
      priority: 5,
    })
    t.same(await w.rest(w.directed[0]), [], 'and at no other')
  })

  t.test('directed events of one sender keep their order, also far beyond the depth of the CQ', async (t) => {
    const w = new World(t, open, { directed: [{ cqDepth: 8 }] })
    await w.send(numbered(200, { queue: w.directedQueues[0] }))
    t.same(numbers(await w.take(w.directed[0], 200)), range(0, 200))
  })

  t.test('a directed port can send to its own queue', async (t) => {
    const w = new World(t, open, { directed: [{ cqDepth: 8 }] })
    const [port] = w.directed
    await w.send(numbered(3, { queue: w.directedQueues[0] }), port)
    t.same(numbers(await w.take(port, 3)), [0, 1, 2])
  })

  t.test('send takes a part of a buffer', async (t) => {
    const w = new World(t, open, { directed: [{ cqDepth: 16 }] })
    const events = w.domain.createEvents(8)
    for (let i = 0; i < 8; i++) events.set(i, { data64: BigInt(i), queue: w.directedQueues[0] })
    t.equal(w.producer.send(events, 3, 2), 3)
    t.equal(w.producer.send(events, 0, 8), 0, 'none, from its end')
    t.same(numbers(await w.take(w.directed[0], 3)), [2, 3, 4])
  })

  t.test('a directed port owes nothing, and forward is send on it', async (t) => {
    const w = new World(t, open, { directed: [{ cqDepth: 8 }] })
    const [port] = w.directed
    await w.send(numbered(4, { queue: w.directedQueues[0] }))
    await w.take(port, 4)
    t.equal(port.unreleased, 0)
    t.equal(w.load(port), 0)
    await w.forward(port, numbered(6, { queue: w.directedQueues[0] }, 10))
    t.same(numbers(await w.take(port, 6)), range(10, 16), 'more than it had received')
  })
}
