import type { Test } from 'tap'
import type { Port } from '../../lib/device/device.ts'
import { spinUntil } from '../deadline.ts'
import { random } from './random.ts'
import { numbered, numbers, type Open, range, type Sent, World } from './world.ts'

/**
 * Atomic events: a flow's uncompleted events are at one port, in the order in which they were sent.
 */
export function atomic(t: Test, open: Open): void {
  pinned(t, open)
  apart(t, open)
}

function pinned(t: Test, open: Open): void {
  t.test('a flow stays with the port that has it, in order; other flows go to other ports', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 16 }, { cqDepth: 16 }] }).linkAll()
    await w.send(flow(w, 1, 6))
    await w.loaded(6)
    const one = holder(w)
    const other = w.ports[0] === one ? w.ports[1] : w.ports[0]
    t.equal(w.load(one), 6, 'one port has all of the flow')
    await w.send(flow(w, 2, 3))
    await w.loaded(9)
    t.equal(w.load(other), 3, 'the other, less loaded one has the second flow')
    t.same(numbers(await w.take(one, 6)), range(0, 6))
    one.release(5)
    await w.loaded(4)
    await w.send(flow(w, 1, 3, 6))
    t.same(numbers(await w.take(one, 3)), [6, 7, 8], 'pinned while one event is uncompleted')
  })

  t.test('a flow without uncompleted events goes to the least loaded port', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 16 }, { cqDepth: 16 }] }).linkAll()
    await w.send(flow(w, 1, 2))
    await w.loaded(2)
    const one = holder(w)
    const other = w.ports[0] === one ? w.ports[1] : w.ports[0]
    await w.take(one, 2)
    one.release(2)
    await w.loaded(0)
    one.disable()
    await w.send(flow(w, 3, 4))
    t.equal((await w.take(other, 4)).length, 4)
    one.enable()
    await w.send(flow(w, 1, 2, 2))
    t.same(numbers(await w.take(one, 2)), [2, 3])
    one.disable()
    await w.send(flow(w, 1, 2, 4))
    t.same([...(await w.rest(one)), ...(await w.rest(other))], [], 'pinned to a disabled port, it waits')
    one.release(2)
    t.same(numbers(await w.take(other, 2)), [4, 5], 'it moves once its last event is completed')
  })

  t.test('a forward completes: the flow can move', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }], directed: [{ cqDepth: 8 }] })
    w.linkAll()
    await w.send(flow(w, 1, 1))
    await w.loaded(1)
    const one = holder(w)
    const other = w.ports[0] === one ? w.ports[1] : w.ports[0]
    await w.take(one, 1)
    one.disable()
    await w.send(flow(w, 1, 1, 1))
    t.same(await w.rest(other), [])
    await w.forward(one, [{ queue: w.directedQueues[0], number: 50 }])
    t.same(numbers(await w.take(other, 1)), [1])
    t.same(numbers(await w.take(w.directed[0], 1)), [50])
  })
}

function apart(t: Test, open: Open): void {
  t.test('a flow whose port is full holds up no other flow', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }] }).linkAll()
    await w.send(flow(w, 1, 30))
    await w.loaded(8)
    const one = holder(w)
    const other = w.ports[0] === one ? w.ports[1] : w.ports[0]
    await w.send(flow(w, 2, 20))
    for (let i = 0; i < 20; i += 4) {
      const taken = await w.take(other, 4)
      t.same(numbers(taken), range(i, i + 4))
      t.ok(taken.every((event) => event.group === 2))
      other.release(4)
    }
    for (let i = 0; i < 30; i += 5) {
      t.same(numbers(await w.take(one, 5)), range(i, i + 5), 'the blocked flow goes on in order')
      one.release(5)
    }
  })

  t.test('a flow is a queue and an id: the same id on two queues is two flows', async (t) => {
    const w = new World(t, open, { queues: [{}, {}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }] }).linkAll()
    for (const queue of w.queues) await w.send(numbered(3, { queue, schedulingType: 'atomic', flowId: 7 }))
    await w.loaded(6)
    t.same(
      w.ports.map((port) => w.load(port)),
      [3, 3],
    )
  })

  t.test('atomic and unordered events share a queue', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }] }).linkAll()
    await w.send(flow(w, 1, 4))
    await w.send(numbered(4, { queue: w.queues[0] }, 10))
    await w.loaded(8)
    const taken = await Promise.all(w.ports.map((port) => w.take(port, 4)))
    t.same(
      taken.map((events) => numbers(events).sort((a, b) => a - b)).sort((a, b) => a[0] - b[0]),
      [range(0, 4), range(10, 14)],
    )
  })

  t.test('over many flows and completions, each keeps its order and is never at two ports', async (t) => {
    const ports = Array.from({ length: 4 }, () => ({ cqDepth: 8, eventStateEntries: 16 }))
    const w = new World(t, open, { queues: [{}], ports }).linkAll()
    await churn(t, w)
  })
}

function flow(w: World, flowId: number, count: number, first = 0): Sent[] {
  return numbered(count, { queue: w.queues[0], schedulingType: 'atomic', flowId, group: flowId }, first)
}

/** Where the only event that is scheduled is. */
function holder(w: World): Port {
  return w.ports.find((port) => w.load(port) > 0) ?? w.producer
}

/** 50 flows of 60 events; ports receive and complete at random. */
async function churn(t: Test, w: World): Promise<void> {
  const below = random(1)
  const flows = 50
  const each = 60
  const sent = new Array<number>(flows).fill(0)
  const received = new Array<number>(flows).fill(0)
  const owed: number[][] = w.ports.map(() => [])
  let left = flows * each
  let wrong = 0
  spinUntil('all events are received', () => {
    const group = below(flows)
    if (sent[group] < each) {
      const event: Sent = {
        queue: w.queues[0],
        schedulingType: 'atomic',
        flowId: group * 1000,
        group,
        number: sent[group],
      }
      sent[group] += w.offer([event])
    }
    const at = below(w.ports.length)
    for (const event of w.poll(w.ports[at], 1 + below(8))) {
      if (event.number !== received[event.group]++) wrong++
      if (owed.some((held, i) => i !== at && held.includes(event.group))) wrong++
      owed[at].push(event.group)
      left--
    }
    const done = below(owed[at].length + 1)
    w.ports[at].release(done)
    owed[at].splice(0, done)
    return left === 0
  })
  t.equal(wrong, 0)
  t.same(received, new Array(flows).fill(each))
}
