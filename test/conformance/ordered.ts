import type { Test } from 'tap'
import { until } from '../deadline.ts'
import { random } from './random.ts'
import { numbered, numbers, type Open, range, type Sent, World } from './world.ts'

const ports = Array.from({ length: 3 }, () => ({ cqDepth: 64 }))
const shape = { queues: [{ sequenceNumbers: 64 }], ports, directed: [{ cqDepth: 64 }] }

function events(w: World, count: number, first = 0): Sent[] {
  return numbered(count, { queue: w.queues[0], schedulingType: 'ordered' }, first)
}

/**
 * Ordered events: what the ports forward leaves in the order in which the events entered the queue.
 */
export function ordered(t: Test, open: Open): void {
  restored(t, open)
  atLength(t, open)
}

function restored(t: Test, open: Open): void {
  t.test('the order is restored whatever order the ports finish in', async (t) => {
    const w = new World(t, open, shape).linkAll()
    await w.send(events(w, 30))
    const held = await Promise.all(w.ports.map((port) => w.take(port, 10)))
    const [queue] = w.directedQueues
    for (const i of [2, 0])
      await w.forward(
        w.ports[i],
        held[i].map(({ number }) => ({ queue, number })),
      )
    const early = await w.rest(w.directed[0])
    t.same(numbers(early), range(0, early.length), 'nothing passes an event that is not completed')
    t.ok(early.length <= Math.min(...numbers(held[1])))
    await w.forward(
      w.ports[1],
      held[1].map(({ number }) => ({ queue, number })),
    )
    t.same(numbers(await w.take(w.directed[0], 30 - early.length)), range(early.length, 30))
  })

  t.test('a released event leaves a gap that holds up nothing', async (t) => {
    const w = new World(t, open, shape).linkAll()
    await w.send(events(w, 30))
    const [queue] = w.directedQueues
    for (const port of [w.ports[2], w.ports[1], w.ports[0]]) {
      for (const { number } of await w.take(port, 10)) {
        if (number % 3 === 0) port.release(1)
        else await w.forward(port, [{ queue, number }])
      }
    }
    const expected = range(0, 30).filter((number) => number % 3 !== 0)
    t.same(numbers(await w.take(w.directed[0], 20)), expected)
  })

  t.test('what a port sends anew takes no place in the order', async (t) => {
    const w = new World(t, open, shape).linkAll()
    await w.send(events(w, 3))
    const held = await Promise.all(w.ports.map((port) => w.take(port, 1)))
    const last = held.findIndex(([{ number }]) => number === 2)
    const [queue] = w.directedQueues
    await w.send([{ queue, number: 99 }], w.ports[last])
    t.same(numbers(await w.take(w.directed[0], 1)), [99])
    t.equal(w.ports[last].unreleased, 1)
  })

  t.test('sequence numbers bound the events between scheduling and completion', async (t) => {
    const w = new World(t, open, { ...shape, ports: [{ cqDepth: 64 }, { cqDepth: 64 }] }).linkAll()
    await w.send(events(w, 100))
    await w.loaded(64)
    const held = await Promise.all(w.ports.map(async (port) => ({ port, taken: await w.take(port, 32) })))
    for (const { port } of held) t.same(await w.rest(port), [])
    held.sort((a, b) => a.taken[0].number - b.taken[0].number)
    t.equal(held[0].taken[0].number, 0)
    held[1].port.release(32)
    for (const port of w.ports) t.same(await w.rest(port), [], 'the oldest is not completed yet')
    held[0].port.release(32)
    await w.loaded(36)
  })
}

function atLength(t: Test, open: Open): void {
  t.test('the order holds over two ordered queues', async (t) => {
    const w = new World(t, open, {
      queues: [{ sequenceNumbers: 64 }, { sequenceNumbers: 128 }],
      ports: [1, 2, 3, 4].map(() => ({ cqDepth: 16 })),
      directed: [{ cqDepth: 64 }],
    })
    const below = random(3)
    for (const port of w.ports.slice(0, 2)) port.link(w.queues[0])
    for (const port of w.ports.slice(2)) port.link(w.queues[1])
    const sent = events(w, 500)
    const arrived: number[] = []
    await until('500 events arrive', async () => {
      sent.splice(0, w.offer(sent.slice(0, 1 + below(10))))
      const i = below(4)
      for (const { number } of w.poll(w.ports[i], 1 + below(5))) {
        const next: Sent =
          i < 2
            ? { queue: w.queues[1], schedulingType: 'ordered', number }
            : { queue: w.directedQueues[0], schedulingType: 'directed', number }
        await w.forward(w.ports[i], [next])
      }
      arrived.push(...numbers(w.poll(w.directed[0])))
      return arrived.length >= 500
    })
    t.same(arrived, range(0, 500))
  })

  t.test('random completions, forwarded and released, restore the order over many windows', async (t) => {
    const w = new World(t, open, { ...shape, ports: ports.map(() => ({ cqDepth: 16, eventStateEntries: 32 })) })
    await churn(t, w.linkAll())
  })

  t.test('a queue with sequence numbers takes atomic events too', async (t) => {
    const w = new World(t, open, shape).linkAll()
    await w.send(numbered(5, { queue: w.queues[0], schedulingType: 'atomic', flowId: 1 }))
    await w.loaded(5)
    t.same(w.ports.map((port) => w.load(port)).sort(), [0, 0, 5])
  })
}

/** With all credits in the queue, no port could forward what the queue waits for. */
const mostUnderWay = 200

/** 3,000 events; every seventh is released, the others are forwarded. */
async function churn(t: Test, w: World): Promise<void> {
  const below = random(2)
  const total = 3000
  const owed: number[][] = w.ports.map(() => [])
  const expected = range(0, total).filter((number) => number % 7 !== 0)
  const arrived: number[] = []
  let sent = 0
  let completed = 0
  await until('all have arrived', () => {
    const more = numbered(
      Math.min(below(8), total - sent, mostUnderWay - (sent - completed)),
      { queue: w.queues[0], schedulingType: 'ordered' },
      sent,
    )
    sent += w.offer(more)
    const at = below(w.ports.length)
    const port = w.ports[at]
    owed[at].push(...numbers(w.poll(port, 1 + below(16))))
    for (let done = below(owed[at].length + 1); done > 0; done--) {
      const number = owed[at][0]
      if (number % 7 === 0) port.release(1)
      else {
        w.events.set(0, { queue: w.directedQueues[0], data64: BigInt(number) })
        if (port.forward(w.events, 1) === 0) break
      }
      owed[at].shift()
      completed++
    }
    arrived.push(...numbers(w.poll(w.directed[0])))
    return arrived.length >= expected.length
  })
  t.same(arrived, expected)
}
