import type { Test } from 'tap'
import type { Port, PortId, QueueId } from '../../lib/device/device.ts'
import type { EventBuffer } from '../../lib/device/event-buffer.ts'
import { until } from '../deadline.ts'
import { noNumbers, refused, setUp, visible, wrong } from './refusals.ts'
import { numbered, numbers, type Open, range, SchedulingType, World } from './world.ts'

const shape = {
  queues: [{}, { sequenceNumbers: 64 }],
  ports: [{ cqDepth: 16 }],
  directed: [{ cqDepth: 16 }],
  credits: 64,
} as const

/** Every wrong use of a port or an event throws its code, and changes nothing. */
export function wrongUse(t: Test, open: Open): void {
  t.test('nothing is sent before start', async (t) => {
    const { device, domain } = setUp(t, open, { loadBalancedQueues: 1, loadBalancedPorts: 1, directedPorts: 1 })
    const queue = domain.createLoadBalancedQueue()
    const port = domain.attachPort(domain.createLoadBalancedPort({ cqDepth: 8 }))
    const producer = domain.attachPort(domain.createDirectedPort({ cqDepth: 8 }))
    const events = domain.createEvents(4)
    for (let i = 0; i < 4; i++) events.set(i, { queue, data64: BigInt(i) })
    port.link(queue, 3)
    t.equal(port.receive(events, 0), 0)
    const before = visible(device, domain)
    for (const by of [port, producer]) {
      refused(t, 'ERR_DLB_NOT_STARTED', () => by.send(events, 4), 'send')
      refused(t, 'ERR_DLB_NOT_STARTED', () => by.forward(events, 0), 'forward')
    }
    t.same(visible(device, domain), before)
    domain.start()
    t.equal(producer.send(events, 4), 4)
    await until('they come', () => domain.stats().ports.some(({ queued }) => queued === 4))
    t.equal(port.receive(events, 4), 4)
    t.equal(events.data64(3), 3n)
  })

  counts(t, open)
  buffers(t, open)
  targets(t, open)
  completions(t, open)
  names(t, open)
}

/** A world with two events received and two in the CQ, which wrong calls must not change. */
async function busy(t: Test, open: Open): Promise<World> {
  const w = new World(t, open, shape)
  w.ports[0].link(w.queues[0])
  await w.send(numbered(4, { queue: w.queues[0] }))
  await w.take(w.ports[0], 2)
  return w
}

/** A number that no queue and no port of the domain has. They are the device's choice. */
function absentId(w: World): number {
  const { queues, ports } = w.domain.stats()
  const used = [...queues.map(({ queue }) => queue.id), ...ports.map(({ port }) => port.id)]
  return range(0, used.length + 1).find((id) => !used.includes(id)) ?? -1
}

/** Calls that must fail, and then the proof that nothing came of them. */
async function unchanged(t: Test, w: World, calls: () => void): Promise<void> {
  const [port] = w.ports
  const before = visible(w.device, w.domain)
  calls()
  t.same(visible(w.device, w.domain), before, 'nothing has changed')
  t.equal(port.unreleased, 2)
  await w.send(numbered(2, { queue: w.queues[0] }, 4))
  t.same(numbers(await w.take(port, 4)), range(2, 6), 'and everything goes on')
  port.release(6)
  t.same(await w.rest(port), [])
  await until('all credits can be spent', () => {
    w.offer(numbered(64, { queue: w.queues[1], schedulingType: 'ordered' }))
    return w.depth(w.queues[1]) === 64
  })
}

function counts(t: Test, open: Open): void {
  t.test('counts, offsets and priorities are whole numbers within their range', async (t) => {
    const w = await busy(t, open)
    const [port] = w.ports
    const events = w.domain.createEvents(8)
    for (let i = 0; i < 8; i++) events.set(i, { queue: w.queues[0] })
    const invalid = (what: string, call: () => unknown) => refused(t, 'ERR_DLB_INVALID_ARGUMENT', call, what)
    await unchanged(t, w, () => {
      for (const value of [-1, -0.5, 2 ** 32, -(2 ** 32), ...noNumbers]) {
        const n = wrong<number>(value)
        for (const by of [port, w.producer]) {
          invalid(`send of ${String(value)}`, () => by.send(events, n))
          invalid(`send from ${String(value)}`, () => by.send(events, 1, n))
          invalid(`receive of ${String(value)}`, () => by.receive(events, n))
          invalid(`forward from ${String(value)}`, () => by.forward(events, 1, n))
        }
        if (!(Number(value) > 2)) invalid(`forward of ${String(value)}`, () => port.forward(events, n))
        if (value !== 2 ** 32) invalid(`release of ${String(value)}`, () => port.release(n))
        invalid(`priority ${String(value)}`, () => port.link(w.queues[1], n))
        invalid(`createEvents(${String(value)})`, () => w.domain.createEvents(n))
      }
      invalid('send without a count', () => port.send(events, wrong(undefined)))
      invalid('receive without a count', () => port.receive(events, wrong(undefined)))
      invalid('release without a count', () => port.release(wrong(undefined)))
      invalid('send beyond the end', () => port.send(events, 9))
      invalid('send beyond the end, from an offset', () => port.send(events, 4, 5))
      invalid('send from beyond the end', () => port.send(events, 0, 9))
      invalid('receive of more than the buffer holds', () => port.receive(events, 9))
      invalid('priority 8', () => port.link(w.queues[1], 8))
      for (const n of [0, 65_537]) invalid(`createEvents(${n})`, () => w.domain.createEvents(n))
    })
  })

  t.test('onReadable takes a function or null', async (t) => {
    const w = await busy(t, open)
    await unchanged(t, w, () => {
      for (const value of [undefined, 0, 'call me', {}]) {
        refused(t, 'ERR_DLB_INVALID_ARGUMENT', () => w.ports[0].onReadable(wrong(value)), `onReadable(${value})`)
      }
    })
  })
}

function buffers(t: Test, open: Open): void {
  t.test("another domain's buffer is refused everywhere, and so is what is none", async (t) => {
    const w = await busy(t, open)
    const [port] = w.ports
    const idle = w.directed[0].id
    w.directed[0].detach()
    const { domain } = setUp(t, open, { loadBalancedQueues: 1, loadBalancedPorts: 1 })
    const calls = (events: EventBuffer): Record<string, () => unknown> => ({
      send: () => port.send(events, 1),
      'send of none': () => port.send(events, 0),
      forward: () => port.forward(events, 1),
      receive: () => port.receive(events, 1),
      'directed send': () => w.producer.send(events, 1),
      'directed receive': () => w.producer.receive(events, 1),
      recover: () => w.domain.recover(idle, events, 1),
    })
    const foreign = domain.createEvents(4)
    foreign.set(0, { queue: w.queues[0] })
    await unchanged(t, w, () => {
      for (const [name, call] of Object.entries(calls(foreign))) refused(t, 'ERR_DLB_FOREIGN_BUFFER', call, name)
      for (const value of [undefined, null, 4, {}, new Uint8Array(64)]) {
        for (const [name, call] of Object.entries(calls(wrong(value)))) {
          refused(t, 'ERR_DLB_INVALID_ARGUMENT', call, `${name}, ${String(value)}`)
        }
      }
    })
  })
}

function targets(t: Test, open: Open): void {
  t.test('one event for a wrong queue, and none of its batch is sent', async (t) => {
    const w = await busy(t, open)
    const [port] = w.ports
    const [any, ordered] = w.queues
    const events = w.domain.createEvents(8)
    const types = SchedulingType
    const tries = [
      ['ERR_DLB_UNKNOWN_QUEUE', absentId(w), types.unordered],
      ['ERR_DLB_UNKNOWN_QUEUE', 255, types.atomic],
      ['ERR_DLB_UNKNOWN_QUEUE', absentId(w), types.directed],
      ['ERR_DLB_WRONG_SCHEDULING', any.id, types.ordered],
      ['ERR_DLB_WRONG_SCHEDULING', ordered.id, types.unordered],
    ] as const
    await unchanged(t, w, () => {
      for (const [code, id, type] of tries) {
        for (const at of [0, 1, 2]) {
          for (let i = 0; i < 3; i++) events.set(i, { queue: any })
          events.setTarget(at, id, type, 0)
          const what = `type ${type} for queue ${id} in place ${at}`
          refused(t, code, () => port.send(events, 3), `send: ${what}`)
          refused(t, code, () => w.producer.send(events, 3), `directed send: ${what}`)
          if (at < 2) refused(t, code, () => port.forward(events, 2), `forward: ${what}`)
        }
      }
    })
  })

  t.test('what is wrong outside the part that is sent does not matter', async (t) => {
    const w = new World(t, open, shape)
    const events = w.domain.createEvents(3)
    for (let i = 0; i < 3; i++) events.setTarget(i, 63, SchedulingType.directed, 0)
    events.set(1, { queue: w.directedQueues[0], data64: 9n })
    t.equal(w.producer.send(events, 1, 1), 1)
    t.same(numbers(await w.take(w.directed[0], 1)), [9])
  })
}

function completions(t: Test, open: Open): void {
  const exceeded = (t: Test, what: string, call: () => unknown) => refused(t, 'ERR_DLB_RELEASE_EXCEEDED', call, what)

  t.test('no more is completed than was received', async (t) => {
    const w = new World(t, open, shape).linkAll()
    const [port] = w.ports
    const events = w.domain.createEvents(8)
    for (let i = 0; i < 8; i++) events.set(i, { queue: w.directedQueues[0] })
    exceeded(t, 'release of one, none being received', () => port.release(1))
    await w.send(numbered(8, { queue: w.queues[0] }))
    await w.loaded(8)
    exceeded(t, 'release of what is in the CQ', () => port.release(1))
    exceeded(t, 'forward of what is in the CQ', () => port.forward(events, 1))
    let [owed, load, forwarded] = [0, 8, 0]
    const step = async (change: number): Promise<void> => {
      owed += change
      if (change < 0) load += change
      t.equal(port.unreleased, owed)
      await until('the device has seen it', () => w.load(port) === load && w.queued(w.directed[0]) === forwarded)
      const before = visible(w.device, w.domain)
      for (const more of [owed + 1, owed + 3, 0x7fffffff]) exceeded(t, `release(${more})`, () => port.release(more))
      exceeded(t, `forward of ${owed + 1}`, () => port.forward(events, owed + 1))
      t.same(visible(w.device, w.domain), before)
    }
    await w.take(port, 5)
    await step(5)
    port.release(2)
    await step(-2)
    forwarded += port.forward(events, 1)
    await step(-1)
    port.release(0)
    await step(0)
    await w.take(port, 3)
    await step(3)
    port.release(5)
    await step(-5)
    t.equal(forwarded, 1)
    t.equal((await w.take(w.directed[0], 1)).length, 1)
    t.same(await w.rest(w.directed[0]), [], 'one was forwarded')
  })

  t.test('a directed port owes nothing', async (t) => {
    const w = new World(t, open, shape)
    const [port] = w.directed
    await w.send(numbered(3, { queue: w.directedQueues[0] }))
    await w.take(port, 2)
    exceeded(t, 'release on a directed port', () => port.release(1))
    t.doesNotThrow(() => port.release(0))
    t.same(numbers(await w.take(port, 1)), [2])
  })
}

function names(t: Test, open: Open): void {
  t.test('a port that the domain does not have', async (t) => {
    const w = await busy(t, open)
    const events = w.domain.createEvents(1)
    const kinds = ['load-balanced', 'directed'] as const
    const ids = [absentId(w), -1, 0.5, Number.NaN, '0', null].flatMap((id) => kinds.map((kind) => ({ kind, id })))
    await unchanged(t, w, () => {
      for (const id of [...ids, { kind: 'other', id: 0 }].map((id) => wrong<PortId>(id))) {
        for (const [name, call] of Object.entries(portCalls(w, id, events))) {
          refused(t, 'ERR_DLB_UNKNOWN_PORT', call, `${name} ${JSON.stringify(id)}`)
        }
      }
      for (const id of [undefined, null, 0, 'first'].map((id) => wrong<PortId>(id))) {
        for (const [name, call] of Object.entries(portCalls(w, id, events))) {
          refused(t, 'ERR_DLB_INVALID_ARGUMENT', call, `${name} ${id}`)
        }
      }
    })
  })

  t.test('links are between load-balanced ports and load-balanced queues of the domain', async (t) => {
    const w = await busy(t, open)
    const linking = (port: Port, queue: unknown) => [
      () => port.link(wrong<QueueId>(queue)),
      () => port.unlink(wrong<QueueId>(queue)),
    ]
    await unchanged(t, w, () => {
      for (const id of [absentId(w), 255, -1, 0.5, Number.NaN, '0', null]) {
        for (const call of linking(w.ports[0], { kind: 'load-balanced', id })) {
          refused(t, 'ERR_DLB_UNKNOWN_QUEUE', call, `queue ${id}`)
        }
      }
      for (const call of linking(w.ports[0], w.directedQueues[0])) {
        refused(t, 'ERR_DLB_WRONG_SCHEDULING', call, 'a directed queue')
      }
      for (const call of linking(w.directed[0], w.queues[0])) {
        refused(t, 'ERR_DLB_WRONG_SCHEDULING', call, 'a directed port')
      }
      for (const value of [undefined, null, 0]) {
        for (const call of linking(w.ports[0], value)) refused(t, 'ERR_DLB_INVALID_ARGUMENT', call, `queue ${value}`)
      }
    })
  })
}

function portCalls(w: World, id: PortId, events: EventBuffer): Record<string, () => unknown> {
  return {
    attachPort: () => w.domain.attachPort(id),
    disablePort: () => w.domain.disablePort(id),
    enablePort: () => w.domain.enablePort(id),
    recover: () => w.domain.recover(id, events, 1),
  }
}
