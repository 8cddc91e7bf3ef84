import type { Test } from 'tap'
import { spinUntil, until } from '../deadline.ts'
import { numbered, numbers, type Open, range, World } from './world.ts'

/** CQ depth, event-state entries, credits: nothing beyond them, nothing lost at them. */
export function bounds(t: Test, open: Open): void {
  depths(t, open)
  entries(t, open)
  inFlight(t, open)
  credits(t, open)
}

function depths(t: Test, open: Open): void {
  for (const kind of ['load-balanced', 'directed'] as const) {
    for (const cqDepth of [8, 128, 1024]) {
      t.test(`a ${kind} port of depth ${cqDepth} holds as many events, and the queue the others`, async (t) => {
        const w = new World(t, open, { queues: [{}], ports: [{ cqDepth }], directed: [{ cqDepth }], credits: 2048 })
        w.linkAll()
        const directed = kind === 'directed'
        const queue = directed ? w.directedQueues[0] : w.queues[0]
        const port = directed ? w.directed[0] : w.ports[0]
        // The queue may have fewer in flight.
        const held = directed ? cqDepth : Math.min(cqDepth, w.domain.inFlightLimit(queue))
        const total = held + 50
        for (let sent = 0; sent < total; sent += 50) {
          await w.send(numbered(Math.min(50, total - sent), { queue }, sent))
        }
        await w.loaded(held)
        await until('the queue holds the others', () => w.depth(queue) === 50)
        t.equal(w.queued(port), held)
        const taken = numbers(await w.take(port, 5))
        if (!directed) port.release(5)
        while (taken.length < total) {
          const more = numbers(await w.take(port, Math.min(8, total - taken.length)))
          if (!directed) port.release(more.length)
          taken.push(...more)
        }
        t.same(taken, range(0, total))
      })
    }
  }
}

function entries(t: Test, open: Open): void {
  t.test('a port without an event-state entry gets nothing before it releases', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 16, eventStateEntries: 4 }] }).linkAll()
    const [port] = w.ports
    await w.send(numbered(12, { queue: w.queues[0] }))
    t.same(numbers(await w.rest(port)), [0, 1, 2, 3])
    port.release(1)
    t.same(numbers(await w.rest(port)), [4], 'one release, one event')
    port.release(4)
    t.same(numbers(await w.rest(port)), [5, 6, 7, 8])
  })

  t.test('more entries than depth let a port hold more than its CQ', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8, eventStateEntries: 32 }] }).linkAll()
    const [port] = w.ports
    await w.send(numbered(50, { queue: w.queues[0] }))
    await w.loaded(8)
    t.same(numbers(await w.rest(port)), range(0, 32))
    t.equal(port.unreleased, 32)
    port.release(32)
    t.same(numbers(await w.rest(port)), range(32, 50))
  })

  t.test('event-state entries are the default of the depth', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 16 }] }).linkAll()
    await w.send(numbered(40, { queue: w.queues[0] }))
    t.equal((await w.rest(w.ports[0])).length, 16)
  })

  t.test('atomic and ordered events need entries as well', async (t) => {
    const w = new World(t, open, { queues: [{ sequenceNumbers: 64 }], ports: [{ cqDepth: 16, eventStateEntries: 4 }] })
    const [port] = w.linkAll().ports
    await w.send(numbered(6, { queue: w.queues[0], schedulingType: 'ordered' }))
    t.same(numbers(await w.rest(port)), range(0, 4))
    port.release(4)
    t.same(numbers(await w.rest(port)), [4, 5])
    port.release(2)
    await w.send(numbered(6, { queue: w.queues[0], schedulingType: 'atomic', flowId: 1 }))
    t.same(numbers(await w.rest(port)), range(0, 4))
  })
}

function inFlight(t: Test, open: Open): void {
  t.test('a queue has as many events in flight as the device says, over all its ports', async (t) => {
    const ports = Array.from({ length: 3 }, () => ({ cqDepth: 512 }))
    const w = new World(t, open, { queues: [{}, {}], ports, credits: 2048 }).linkAll()
    const [queue, other] = w.queues
    const total = 1000
    const limit = Math.min(total, w.domain.inFlightLimit(queue))
    for (let sent = 0; sent < total; sent += 50) await w.send(numbered(50, { queue }, sent))
    const taken: number[] = []
    const takeAll = async (count: number): Promise<void> => {
      await until(`${count} events have come`, () => {
        for (const port of w.ports) taken.push(...numbers(w.poll(port)))
        return taken.length >= count
      })
      for (const port of w.ports) taken.push(...numbers(await w.rest(port)))
      t.equal(taken.length, count)
    }
    await takeAll(limit)
    if (limit < total) {
      await w.send(numbered(3, { queue: other }, total))
      await takeAll(limit + 3)
      for (const port of w.ports) port.release(10)
      await takeAll(limit + 33)
    } else {
      await w.send(numbered(3, { queue: other }, total))
    }
    await until('the others come', () => {
      for (const port of w.ports) {
        port.release(port.unreleased)
        taken.push(...numbers(w.poll(port)))
      }
      return taken.length >= total + 3
    })
    t.same(
      taken.sort((a, b) => a - b),
      range(0, total + 3),
    )
  })

  t.test(
    'a queue with sequence numbers has as many in flight; directed and unknown queues have no such limit',
    async (t) => {
      const w = new World(t, open, {
        queues: [{ sequenceNumbers: 64 }],
        ports: [{ cqDepth: 128 }],
        directed: [{ cqDepth: 8 }],
      })
      const [queue] = w.queues
      t.equal(w.domain.inFlightLimit(queue), 64)
      await w.linkAll().send(numbered(80, { queue, schedulingType: 'ordered' }))
      t.same(numbers(await w.rest(w.ports[0])), range(0, 64))
      w.ports[0].release(64)
      t.same(numbers(await w.rest(w.ports[0])), range(64, 80))
      for (const unknown of [
        w.directedQueues[0],
        { kind: 'load-balanced', id: 99 },
        { kind: 'load-balanced', id: -1 },
      ] as const) {
        t.throws(() => w.domain.inFlightLimit(unknown), { code: 'ERR_DLB_UNKNOWN_QUEUE' })
      }
    },
  )
}

function credits(t: Test, open: Open): void {
  t.test('one sender can spend all credits; then send takes none, and drops none', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }], credits: 200 })
    const [queue] = w.queues
    let sent = w.offer(numbered(150, { queue }))
    t.equal(sent, 150)
    sent += w.offer(numbered(150, { queue }, sent))
    t.equal(sent, 200, 'a part of the batch')
    t.equal(w.offer(numbered(3, { queue }, sent)), 0)
    t.equal(w.domain.stats().creditsFree, 0)
    await until('all are queued', () => w.depth(queue) === 200)

    w.ports[0].link(queue)
    const taken = numbers(await w.take(w.ports[0], 8))
    w.ports[0].release(8)
    spinUntil('300 events are sent', () => {
      const more = numbers(w.poll(w.ports[0], 4))
      w.ports[0].release(more.length)
      taken.push(...more)
      sent += w.offer(numbered(Math.min(10, 300 - sent), { queue }, sent))
      return sent === 300
    })
    while (taken.length < 300) {
      taken.push(...numbers(await w.take(w.ports[0], 4)))
      w.ports[0].release(4)
    }
    t.same(taken, range(0, 300))
  })

  t.test('received and unreleased events hold no credit', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 64, eventStateEntries: 256 }], credits: 64 })
    w.linkAll()
    const taken: number[] = []
    let sent = 0
    await until('256 events are received over 64 credits', () => {
      sent += w.offer(numbered(Math.min(16, 256 - sent), { queue: w.queues[0] }, sent))
      taken.push(...numbers(w.poll(w.ports[0])))
      return taken.length === 256
    })
    t.equal(w.ports[0].unreleased, 256)
    t.same(taken, range(0, 256))
  })

  t.test('what senders that fall idle keep of the credits comes back for others', async (t) => {
    const w = new World(t, open, {
      queues: [{}],
      ports: [{ cqDepth: 8 }],
      directed: [{ cqDepth: 8 }, { cqDepth: 8 }, { cqDepth: 8 }],
      credits: 64,
    })
    const [queue] = w.queues
    w.ports[0].link(queue)
    for (const port of w.directed) {
      await w.send([{ queue }], port)
      await w.take(w.ports[0], 1)
      w.ports[0].release(1)
    }
    w.ports[0].unlink(queue)
    for (const port of w.directed.slice(1)) port.disable()
    let sent = 0
    await until('one sender gets all credits', () => {
      sent += w.offer(numbered(64 - sent, { queue }), w.directed[0])
      return sent === 64
    })
    t.equal(w.offer([{ queue }], w.directed[0]), 0)
  })
}
