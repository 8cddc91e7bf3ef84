import type { Test } from 'tap'
import type { Port } from '../../lib/device/device.ts'
import type { SchedulingTypeName } from '../../lib/device/event-buffer.ts'
import { numbered, numbers, type Open, range, type Sent, type Taken, World } from './world.ts'

/** Priorities: 8 on events and 8 on links, strict. What a CQ holds already is not sorted again. */
export function priorities(t: Test, open: Open): void {
  for (const type of ['unordered', 'atomic', 'ordered', 'directed'] as const) {
    t.test(`${type} events leave their queue in order of priority, equals in order of arrival`, async (t) => {
      const w = new World(t, open, {
        queues: [{ sequenceNumbers: type === 'ordered' ? 64 : 0 }],
        ports: [{ cqDepth: 8 }],
        directed: [{ cqDepth: 8 }],
      }).linkAll()
      await leaveByPriority(t, w, type)
    })
  }

  t.test('a newcomer overtakes what is queued, and nothing that is in the CQ', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }] }).linkAll()
    const [queue] = w.queues
    await w.send(numbered(20, { queue, priority: 3 }))
    await w.loaded(8)
    await w.send([{ queue, priority: 2, number: 100 }])
    await w.send([{ queue, priority: 4, number: 200 }])
    t.same(numbers(await takeEach(w, w.ports[0], 22)), [...range(0, 8), 100, ...range(8, 20), 200])
  })

  t.test('a better event priority goes first also among flows that wait for their port', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }] }).linkAll()
    const event = (flowId: number, priority: number): Sent => {
      return { queue: w.queues[0], schedulingType: 'atomic', flowId, priority }
    }
    for (let flowId = 0; flowId < 8; flowId++) await w.send([{ ...event(flowId, 7), number: flowId }])
    await w.loaded(8)
    for (let flowId = 0; flowId < 8; flowId++) await w.send([{ ...event(flowId, 7 - flowId), number: 10 + flowId }])
    t.same(numbers(await takeEach(w, w.ports[0], 16)), [...range(0, 8), ...range(10, 18).reverse()])
  })

  links(t, open)
}

function links(t: Test, open: Open): void {
  t.test("a link's priority goes before its events' priorities", async (t) => {
    const w = new World(t, open, { queues: [{}, {}, {}], ports: [{ cqDepth: 8 }] })
    const [port] = w.ports
    const [late, early, middle] = w.queues
    port.link(late, 7)
    port.link(early, 0)
    port.link(middle, 3)
    await w.send(numbered(8, { queue: late }))
    await w.loaded(8)
    await w.send(numbered(4, { queue: late, priority: 0 }, 10))
    await w.send(numbered(4, { queue: middle, priority: 5 }, 20))
    await w.send(numbered(4, { queue: early, priority: 7 }, 30))
    const order = [...range(0, 8), ...range(30, 34), ...range(20, 24), ...range(10, 14)]
    t.same(numbers(await takeEach(w, port, 20)), order)
  })

  t.test('linking again changes the priority', async (t) => {
    const w = new World(t, open, { queues: [{}, {}], ports: [{ cqDepth: 8 }] })
    const [port] = w.ports
    const [a, b] = w.queues
    port.link(a, 1)
    port.link(b, 2)
    await w.send(numbered(8, { queue: a }))
    await w.loaded(8)
    await w.send(numbered(8, { queue: a }, 10))
    await w.send(numbered(8, { queue: b }, 20))
    port.link(a, 6)
    t.same(numbers(await takeEach(w, port, 24)), [...range(0, 8), ...range(20, 28), ...range(10, 18)])
  })

  t.test('each port goes by its own links', async (t) => {
    const w = new World(t, open, { queues: [{}, {}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }] })
    const [a, b] = w.queues
    const [one, other] = w.ports
    one.link(a, 0)
    one.link(b, 5)
    other.link(a, 5)
    other.link(b, 0)
    for (const port of w.ports) port.disable()
    await w.send(numbered(8, { queue: a }))
    await w.send(numbered(8, { queue: b }, 10))
    one.enable()
    t.same(numbers(await w.take(one, 8)), range(0, 8))
    other.enable()
    t.same(numbers(await w.take(other, 8)), range(10, 18))
  })
}

/** Fills the CQ, then lets 5 rounds of all 8 priorities wait behind it. */
async function leaveByPriority(t: Test, w: World, type: SchedulingTypeName): Promise<void> {
  const queue = type === 'directed' ? w.directedQueues[0] : w.queues[0]
  const port = type === 'directed' ? w.directed[0] : w.ports[0]
  const event: Sent = { queue, schedulingType: type, flowId: 1 }
  await w.send(numbered(8, { ...event, priority: 7 }))
  await w.loaded(8)
  for (let round = 0; round < 5; round++) {
    for (const priority of [4, 0, 7, 2, 5, 1, 6, 3]) {
      // Each priority has a flow of its own: an atomic flow is in order, whatever its events'
      // priorities.
      await w.send([{ ...event, flowId: 10 + priority, priority, number: priority, group: round }])
    }
  }
  const taken = (await takeEach(w, port, 48)).slice(8)
  t.same(
    numbers(taken),
    [0, 1, 2, 3, 4, 5, 6, 7].flatMap((priority) => [priority, priority, priority, priority, priority]),
  )
  t.same(
    taken.map((event) => event.group),
    [1, 2, 3, 4, 5, 6, 7, 8].flatMap(() => [0, 1, 2, 3, 4]),
  )
}

/** Takes events one by one, and completes each at once. */
async function takeEach(w: World, port: Port, count: number): Promise<Taken[]> {
  const taken: Taken[] = []
  while (taken.length < count) {
    taken.push(...(await w.take(port, 1)))
    if (port.id.kind === 'load-balanced') port.release(1)
  }
  return taken
}
