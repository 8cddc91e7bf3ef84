import type { Test } from 'tap'
import type { Port } from '../../lib/device/device.ts'
import { until } from '../deadline.ts'
import { setUp } from './refusals.ts'
import { numbered, numbers, type Open, range, read, type Taken, World } from './world.ts'

/** recover: what a port without a thread holds comes back, complete, in order, and once. */
export function recovery(t: Test, open: Open): void {
  portions(t, open)
  completes(t, open)
  peeks(t, open)

  t.test('a port that was never attached has nothing to recover, or what waits in its CQ', async (t) => {
    const { domain } = setUp(t, open, { loadBalancedPorts: 1, directedPorts: 2 })
    const balanced = domain.createLoadBalancedPort({ cqDepth: 8 })
    const sink = domain.createDirectedPort({ cqDepth: 8 })
    const producer = domain.attachPort(domain.createDirectedPort({ cqDepth: 8 }))
    const events = domain.createEvents(16)
    for (const id of [balanced, sink]) t.equal(domain.recover(id, events, 16), 0, 'before start')
    domain.start()
    t.equal(domain.recover(balanced, events, 16), 0)
    for (let i = 0; i < 12; i++) events.set(i, { queue: sink, data64: BigInt(i) })
    t.equal(producer.send(events, 12), 12)
    const seen: bigint[] = []
    await until('all are recovered', () => {
      const n = domain.recover(sink, events, 5)
      for (let i = 0; i < n; i++) seen.push(events.data64(i))
      return seen.length >= 12
    })
    t.same(
      seen,
      range(0, 12).map((i) => BigInt(i)),
      'also what its queue lets follow',
    )
    t.doesNotThrow(() => domain.attachPort(sink))
  })
}

function recovered(w: World, port: Port, max: number): Taken[] {
  const n = w.domain.recover(port.id, w.events, max)
  return Array.from({ length: n }, (_, i) => read(w.events, i))
}

function portions(t: Test, open: Open): void {
  t.test('recover gives the unreleased ones first, then the CQ, in portions', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8, eventStateEntries: 16 }], credits: 64 })
    const [port] = w.linkAll().ports
    const [queue] = w.queues
    await w.send(numbered(15, { queue, priority: 3, data16: 7 }))
    await w.loaded(8)
    await w.take(port, 3)
    await w.take(port, 2)
    port.release(1)
    await w.send(numbered(1, { queue, priority: 3, data16: 7 }, 15))
    await w.loaded(12)
    port.detach()
    t.same(recovered(w, port, 0), [])
    t.same(w.load(port), 12)
    t.same(numbers(recovered(w, port, 2)), [1, 2])
    await until('two are complete', () => w.load(port) === 10)
    const half = w.domain.attachPort(port.id)
    t.equal(half.unreleased, 2, 'attached in between, it owes the rest')
    t.same(numbers(await w.take(half, 1)), [5])
    half.detach()
    const rest = recovered(w, port, 64)
    t.same(numbers(rest), range(3, 13))
    t.ok(rest.every((event) => event.queue === queue.id && event.priority === 3 && event.data16 === 7))
    t.same(recovered(w, port, 64), [])
    await until('all are complete', () => w.load(port) === 0)
    t.equal(w.depth(queue), 3, 'unlinked, it gets nothing more')
    const now = w.domain.attachPort(port.id)
    t.equal(now.unreleased, 0)
    t.same(await w.rest(now), [])
    t.equal(w.offer(numbered(64, { queue, priority: 3 })), 61, 'the recovered events hold no credit')
    now.link(queue)
    t.same(numbers(await w.take(now, 3)), [13, 14, 15])
  })
}

function completes(t: Test, open: Open): void {
  t.test('a recovered event has no place in an order', async (t) => {
    const ports = [{ cqDepth: 8 }, { cqDepth: 8 }]
    const w = new World(t, open, { queues: [{ sequenceNumbers: 64 }], ports, directed: [{ cqDepth: 8 }] })
    const [first, second] = w.linkAll().ports
    second.disable()
    await w.send(numbered(2, { queue: w.queues[0], schedulingType: 'ordered' }))
    await w.loaded(2)
    await w.take(first, 1)
    second.enable()
    first.disable()
    await w.send(numbered(2, { queue: w.queues[0], schedulingType: 'ordered' }, 2))
    await w.take(second, 2)
    await w.forward(
      second,
      [2, 3].map((number) => ({ queue: w.directedQueues[0], number })),
    )
    t.same(await w.rest(w.directed[0]), [], 'they wait for the older ones')
    first.detach()
    t.same(numbers(recovered(w, first, 1)), [0])
    t.same(await w.rest(w.directed[0]), [])
    t.same(numbers(recovered(w, first, 8)), [1], 'one that waited in the CQ')
    t.same(numbers(await w.take(w.directed[0], 2)), [2, 3])
  })

  t.test('a flow whose events are recovered goes to another port', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }] })
    const [first, second] = w.ports
    const flow = { queue: w.queues[0], schedulingType: 'atomic', flowId: 9 } as const
    first.link(w.queues[0])
    await w.send(numbered(10, flow))
    await w.loaded(8)
    await w.take(first, 1)
    second.link(w.queues[0])
    first.detach()
    t.same(numbers(recovered(w, first, 4)), [0, 1, 2, 3])
    t.same(await w.rest(second), [])
    t.same(numbers(recovered(w, first, 8)), range(4, 8))
    t.same(numbers(await w.take(second, 2)), [8, 9])
  })
}

function peeks(t: Test, open: Open): void {
  const peeked = (w: World, port: Port, max = 64): Taken[] => {
    const n = w.domain.peek(port.id, w.events, max)
    return Array.from({ length: n }, (_, i) => read(w.events, i))
  }

  t.test('peek shows what waits in the CQ, oldest first, and leaves it', async (t) => {
    const w = new World(t, open, {
      queues: [{}],
      ports: [{ cqDepth: 8, eventStateEntries: 16 }],
      directed: [{ cqDepth: 8 }],
      credits: 64,
    })
    const [port] = w.linkAll().ports
    const [sink] = w.directed
    t.same(peeked(w, port), [])
    await w.send(numbered(20, { queue: w.queues[0], data16: 7 }))
    await w.send(numbered(10, { queue: w.directedQueues[0] }))
    await w.loaded(16)
    t.same(numbers(peeked(w, port, 3)), [0, 1, 2])
    t.same(numbers(peeked(w, port)), range(0, 8), 'no more than the CQ takes, however often')
    t.same(numbers(peeked(w, port)), range(0, 8))
    t.same(numbers(peeked(w, sink)), range(0, 8))
    t.same(peeked(w, port, 0), [])
    t.equal(w.load(port), 8, 'it is load as before')
    const taken = await w.take(port, 3)
    t.same(numbers(taken), [0, 1, 2])
    t.ok(taken.every(({ data16 }) => data16 === 7))
    t.equal(port.unreleased, 3)
    t.same(numbers(peeked(w, port, 5)), range(3, 8))
    t.same(numbers(await takeEach(w, port, 17)), range(3, 20))
    t.same(numbers(await w.take(sink, 10)), range(0, 10))
    t.same([peeked(w, port), peeked(w, sink)], [[], []])
  })

  t.test('what was peeked at is recovered, once', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }], credits: 64 })
    const [port] = w.linkAll().ports
    await w.send(numbered(8, { queue: w.queues[0] }))
    await w.loaded(8)
    t.equal(peeked(w, port, 5).length, 5)
    port.detach()
    t.same(numbers(recovered(w, port, 64)), range(0, 8))
    t.same([peeked(w, port), recovered(w, port, 64)], [[], []])
    const again = w.domain.attachPort(port.id)
    again.link(w.queues[0])
    await w.send(numbered(20, { queue: w.queues[0] }))
    t.same(numbers(await takeEach(w, again, 20)), range(0, 20))
  })

  t.test('peek refuses what is not a port of the domain, or not its buffer', (t) => {
    const w = new World(t, open, { ports: [{ cqDepth: 8 }] })
    const [{ id }] = w.ports
    t.throws(() => w.domain.peek({ ...id, id: 63 }, w.events, 1), { code: 'ERR_DLB_UNKNOWN_PORT' })
    t.throws(() => w.domain.peek(id, w.events, w.events.length + 1), { code: 'ERR_DLB_INVALID_ARGUMENT' })
    t.end()
  })
}

/** Takes this number of events, and completes each before the next. */
async function takeEach(w: World, port: Port, count: number): Promise<Taken[]> {
  const taken: Taken[] = []
  while (taken.length < count) {
    port.release(port.unreleased)
    taken.push(...(await w.take(port, 1)))
  }
  port.release(port.unreleased)
  return taken
}
