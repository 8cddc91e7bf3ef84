import type { Test } from 'tap'
import { until } from '../deadline.ts'
import { random } from './random.ts'
import { numbered, numbers, type Open, range, type Sent, World } from './world.ts'

/** link, unlink, enable, disable: before events come, while they wait, while they flow. */
export function links(t: Test, open: Open): void {
  linking(t, open)
  enabling(t, open)
  atomicLinks(t, open)

  t.test('links and states that change all the time lose and double nothing', async (t) => {
    const w = new World(t, open, {
      queues: [{}, {}],
      ports: [8, 8, 16, 32].map((cqDepth) => ({ cqDepth })),
    })
    await churn(t, w)
  })
}

function linking(t: Test, open: Open): void {
  t.test('a port gets events from linked queues only', async (t) => {
    const w = new World(t, open, { queues: [{}, {}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }] })
    const [a, b] = w.queues
    w.ports[0].link(a)
    await w.send(numbered(4, { queue: a }))
    await w.send(numbered(4, { queue: b }, 10))
    t.same(numbers(await w.rest(w.ports[0])), range(0, 4))
    t.same(await w.rest(w.ports[1]), [])
    t.equal(w.depth(b), 4, 'without a link, events wait')
    w.ports[1].link(b)
    t.same(numbers(await w.take(w.ports[1], 4)), range(10, 14), 'a new link brings what waited')
  })

  t.test('after unlink, the CQ keeps what it has and the other ports get the rest', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }] }).linkAll()
    const [one, other] = w.ports
    await w.send(numbered(30, { queue: w.queues[0] }))
    await w.loaded(16)
    one.unlink(w.queues[0])
    const kept = await w.rest(one)
    one.release(kept.length)
    t.equal(kept.length, 8)
    const taken: number[] = []
    while (taken.length < 22) {
      taken.push(...numbers(await w.take(other, 2)))
      other.release(2)
    }
    t.same(
      [...numbers(kept), ...taken].sort((a, b) => a - b),
      range(0, 30),
    )
    t.same(await w.rest(one), [])
    one.link(w.queues[0])
    await w.send(numbered(2, { queue: w.queues[0] }))
    await w.loaded(2)
    t.equal(w.load(one), 1, 'linked again, it takes part again')
  })

  t.test('a port has at most 8 links', async (t) => {
    const w = new World(t, open, { queues: range(0, 9).map(() => ({})), ports: [{ cqDepth: 8 }] })
    const [port] = w.ports
    for (const queue of w.queues.slice(0, 8)) port.link(queue)
    t.throws(() => port.link(w.queues[8]), { code: 'ERR_DLB_NO_RESOURCES' })
    port.link(w.queues[3], 5)
    await w.send([{ queue: w.queues[8] }])
    t.same(await w.rest(port), [], 'the ninth was not made')
    port.unlink(w.queues[0])
    port.link(w.queues[8])
    t.equal((await w.take(port, 1)).length, 1)
  })

  t.test('unlinking what is not linked does nothing', async (t) => {
    const w = new World(t, open, { queues: [{}, {}], ports: [{ cqDepth: 8 }] })
    w.ports[0].link(w.queues[0])
    w.ports[0].unlink(w.queues[1])
    await w.send(numbered(3, { queue: w.queues[0] }))
    t.equal((await w.take(w.ports[0], 3)).length, 3)
  })
}

function enabling(t: Test, open: Open): void {
  for (const kind of ['load-balanced', 'directed'] as const) {
    t.test(`a disabled ${kind} port gets nothing new, and delivers what is in its CQ`, async (t) => {
      const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 16 }], directed: [{ cqDepth: 16 }] }).linkAll()
      const port = kind === 'directed' ? w.directed[0] : w.ports[0]
      const queue = kind === 'directed' ? w.directedQueues[0] : w.queues[0]
      await w.send(numbered(5, { queue }))
      await until('they are in the CQ', () => w.queued(port) === 5)
      port.disable()
      await w.send(numbered(5, { queue }, 5))
      t.same(numbers(await w.rest(port)), range(0, 5))
      t.equal(w.depth(queue), 5)
      port.enable()
      t.same(numbers(await w.take(port, 5)), range(5, 10))
    })

    t.test(`the domain disables and enables a ${kind} port that another owns`, async (t) => {
      const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 16 }], directed: [{ cqDepth: 16 }] }).linkAll()
      const port = kind === 'directed' ? w.directed[0] : w.ports[0]
      const queue = kind === 'directed' ? w.directedQueues[0] : w.queues[0]
      const enabled = () =>
        w.domain.stats().ports.find((p) => p.port.kind === kind && p.port.id === port.id.id)?.enabled
      t.equal(enabled(), true)
      w.domain.disablePort(port.id)
      t.equal(enabled(), false)
      await w.send(numbered(5, { queue }))
      t.same(await w.rest(port), [])
      w.domain.enablePort(port.id)
      t.equal(enabled(), true)
      t.same(numbers(await w.take(port, 5)), range(0, 5))
    })
  }

  t.test("a disabled port's share goes to the others", async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 16 }, { cqDepth: 16 }] }).linkAll()
    w.ports[0].disable()
    await w.send(numbered(10, { queue: w.queues[0] }))
    t.equal((await w.take(w.ports[1], 10)).length, 10)
    t.equal(w.load(w.ports[0]), 0)
  })

  t.test('an ordered queue goes on when a port that holds the oldest is disabled', async (t) => {
    const w = new World(t, open, {
      queues: [{ sequenceNumbers: 64 }],
      ports: [{ cqDepth: 8 }, { cqDepth: 8 }],
      directed: [{ cqDepth: 64 }],
    }).linkAll()
    await w.send(numbered(10, { queue: w.queues[0], schedulingType: 'ordered' }))
    await w.loaded(10)
    w.ports[0].disable()
    for (const port of w.ports) {
      for (const { number } of await w.take(port, 5)) {
        await w.forward(port, [{ queue: w.directedQueues[0], number }])
      }
    }
    t.same(numbers(await w.take(w.directed[0], 10)), range(0, 10))
  })
}

function atomicLinks(t: Test, open: Open): void {
  const flow = (w: World, q: number, flowId: number): Sent => {
    return { queue: w.queues[q], schedulingType: 'atomic', flowId }
  }

  t.test('a flow pinned to a port that is unlinked waits for its completions, then moves', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }] })
    const [one, other] = w.ports
    one.link(w.queues[0])
    await w.send(numbered(3, flow(w, 0, 1)))
    await w.take(one, 3)
    other.link(w.queues[0])
    one.unlink(w.queues[0])
    await w.send(numbered(3, flow(w, 0, 1), 3))
    one.release(2)
    t.same([...(await w.rest(one)), ...(await w.rest(other))], [])
    one.release(1)
    t.same(numbers(await w.take(other, 3)), [3, 4, 5])
  })

  t.test('a flow that waits at a port for an unlinked queue holds up no flow of another queue', async (t) => {
    const w = new World(t, open, { queues: [{}, {}], ports: [{ cqDepth: 8 }] }).linkAll()
    const [port] = w.ports
    await w.send(numbered(3, flow(w, 1, 2)))
    await w.send(numbered(4, flow(w, 0, 1), 10))
    await w.send(numbered(1, flow(w, 1, 2), 3))
    await w.loaded(8)
    await w.send([{ ...flow(w, 0, 1), number: 14 }])
    await w.send([{ ...flow(w, 1, 2), number: 4 }])
    await until('both wait', () => w.queues.every((queue) => w.depth(queue) === 1))
    port.unlink(w.queues[0])
    await w.take(port, 8)
    port.release(3)
    t.same(numbers(await w.rest(port)), [4])
  })
}

/**
 * Sends 5,000 events while links and states change at random; then everything is linked and enabled
 * again.
 */
async function churn(t: Test, w: World): Promise<void> {
  const below = random(4)
  const total = 5000
  const seen = new Uint8Array(total)
  let sent = 0
  let received = 0
  await until('all have come', () => {
    const port = w.ports[below(w.ports.length)]
    const queue = w.queues[below(2)]
    if (sent === total) port.enable()
    if (sent === total) port.link(queue)
    const step = below(8)
    if (step === 0) port.unlink(queue)
    else if (step === 1) port.link(queue, below(8))
    else if (step === 2) port.disable()
    else if (step === 3) port.enable()
    else if (step < 6) sent += w.offer(numbered(Math.min(below(8), total - sent), { queue }, sent))
    const taken = numbers(w.poll(port))
    port.release(taken.length)
    for (const number of taken) seen[number]++
    received += taken.length
    return received >= total
  })
  t.ok(seen.every((times) => times === 1))
}
