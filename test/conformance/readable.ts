import { AsyncLocalStorage } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Test } from 'tap'
import type { Port } from '../../lib/device/device.ts'
import { attachDomain } from '../../lib/device/open.ts'
import { until, within } from '../deadline.ts'
import { loops } from './readable-loops.ts'
import { numbered, numbers, type Open, quiet, range, type Sent, World } from './world.ts'

/**
 * onReadable: called while there is something to receive, on a turn of its own, and not for
 * nothing.
 */
export function readable(t: Test, open: Open): void {
  for (const kind of ['load-balanced', 'directed'] as const) {
    t.test(`the callback of a ${kind} port`, async (t) => called(t, (t) => new Listening(t, open, kind)))
  }
  stopped(t, open)
  loops(t, open)
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** A port with a callback that is watched. */
class Listening {
  readonly w: World
  readonly port: Port
  readonly to: Sent
  calls = 0
  /** Calls that found nothing. */
  vain = 0
  readonly seen: number[] = []

  constructor(t: Test, open: Open, kind: 'load-balanced' | 'directed' = 'load-balanced') {
    this.w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }], directed: [{ cqDepth: 8 }] }).linkAll()
    this.port = kind === 'directed' ? this.w.directed[0] : this.w.ports[0]
    this.to = { queue: kind === 'directed' ? this.w.directedQueues[0] : this.w.queues[0] }
  }

  /** Receives up to `max` with each call, and completes it. */
  listen(max = 64): void {
    this.port.onReadable(() => {
      this.calls++
      this.take(max)
    })
  }

  take(max: number): void {
    const taken = numbers(this.w.poll(this.port, max))
    this.seen.push(...taken)
    if (taken.length === 0) this.vain++
    if (this.port.id.kind === 'load-balanced') this.port.release(taken.length)
  }

  async came(count: number): Promise<void> {
    await until(`${count} events are seen`, () => this.seen.length >= count)
    await quiet()
  }
}

function called(t: Test, make: (t: Test) => Listening): void {
  t.test('is called when events come, and not without', async (t) => {
    const l = make(t)
    l.listen()
    await quiet()
    t.equal(l.calls, 0)
    for (let round = 1; round <= 20; round++) {
      const before = l.calls
      t.equal(l.w.offer(numbered(3, l.to, round * 3 - 3)), 3)
      t.equal(l.calls, before, 'not from within another call')
      await l.came(round * 3)
    }
    t.same([l.seen, l.vain], [range(0, 60), 0])
  })

  t.test('is called for events that are there already', async (t) => {
    const l = make(t)
    await l.w.send(numbered(5, l.to))
    await until('they are in the CQ', () => l.w.queued(l.port) === 5)
    l.listen()
    t.equal(l.calls, 0, 'not at once')
    await l.came(5)
    t.equal(l.calls, 1)
  })

  t.test('is called again, on a later turn, for what it left', async (t) => {
    const l = make(t)
    let turns = 0
    const at: number[] = []
    const count = (): void => {
      turns++
      if (l.seen.length < 20) setImmediate(count)
    }
    setImmediate(count)
    l.port.onReadable(() => {
      at.push(turns)
      l.take(1)
    })
    await l.w.send(numbered(20, l.to))
    await l.came(20)
    t.same(l.seen, range(0, 20), 'also for what found no room at first')
    t.equal(at.length, 20)
    t.equal(new Set(at).size, 20, 'other callbacks of the loop come in between')
  })

  t.test('is not called again for what something else received', async (t) => {
    const l = make(t)
    l.listen(1)
    await l.w.send(numbered(4, l.to))
    // Within this turn of the loop.
    for (const end = performance.now() + 5000; l.seen.length < 4 && performance.now() < end; ) {
      if (l.w.queued(l.port) > 0) l.take(64)
    }
    await quiet()
    t.equal(l.calls, 0)
    await l.w.send(numbered(1, l.to, 4))
    await l.came(5)
    t.equal(l.calls, 1)
  })

  t.test('is called for what comes while it runs, and what it sends itself', async (t) => {
    const l = make(t)
    let deep = 0
    let sent = 1
    l.port.onReadable(() => {
      t.equal(++deep, 1, 'not from within itself')
      l.take(1 + (l.seen.length % 3))
      for (let i = 0; i < 2 && sent < 200; i++) sent += l.w.offer([{ ...l.to, number: sent }], l.port)
      deep--
    })
    await l.w.send([l.to])
    await until('all that was sent has come', () => l.seen.length === 200)
    t.same([l.seen, l.vain], [range(0, 200), 0])
  })

  t.test('is called outside of the async context of who sends', async (t) => {
    const l = make(t)
    const storage = new AsyncLocalStorage<string>()
    const stores: unknown[] = []
    l.port.onReadable(() => {
      stores.push(storage.getStore())
      l.take(64)
    })
    await quiet()
    for (let i = 0; i < 3; i++) {
      storage.run('the sender', () => l.w.offer(numbered(1, l.to, i)))
      await l.came(i + 1)
    }
    t.same(stores, [undefined, undefined, undefined])
  })

  t.test('is called when the port, disabled, is enabled again', async (t) => {
    const l = make(t)
    l.listen()
    l.port.disable()
    await l.w.send(numbered(3, l.to))
    await quiet()
    t.equal(l.calls, 0)
    l.port.enable()
    await l.came(3)
    t.equal(l.vain, 0)
  })
}

/**
 * Through an attachment of its own, since the test's domain refers to its ports; nor does the
 * callback.
 * @returns when it is called
 */
function watchAndForget(w: World): Promise<void> {
  const { id } = w.ports[0]
  w.ports[0].detach()
  const port = attachDomain(w.domain.share()).attachPort(id)
  port.link(w.queues[0])
  return new Promise((resolve) => port.onReadable(resolve))
}

function stopped(t: Test, open: Open): void {
  t.test('null stops it, until a function is set again', async (t) => {
    const l = new Listening(t, open)
    l.listen()
    for (let i = 0; i < 2; i++) l.port.onReadable(null)
    await l.w.send(numbered(3, l.to))
    await quiet()
    l.listen()
    l.port.onReadable(null)
    await quiet()
    t.equal(l.calls, 0)
    l.listen()
    await l.came(3)
    t.equal(l.calls, 1)
  })

  t.test('null from within stops it with events left', async (t) => {
    const l = new Listening(t, open)
    l.port.onReadable(() => {
      l.calls++
      l.take(1)
      l.port.onReadable(null)
    })
    await l.w.send(numbered(3, l.to))
    await l.came(1)
    t.equal(l.calls, 1)
    t.same(numbers(await l.w.take(l.port, 2)), [1, 2])
  })

  t.test('another function replaces it: while it waits, when it is due, and from within', async (t) => {
    const l = new Listening(t, open)
    const wrong = () => t.fail('the one before is called no more')
    l.port.onReadable(wrong)
    await quiet()
    l.listen(1)
    await l.w.send(numbered(4, l.to))
    await until('the first', () => l.seen.length === 1)
    l.port.onReadable(wrong)
    l.port.onReadable(null)
    l.port.onReadable(() => {
      l.calls++
      l.take(1)
      l.listen(1)
    })
    await l.came(4)
    t.equal(l.calls, 4)
    t.same(l.seen, range(0, 4))
  })

  t.test('a port or domain that is closed while it waits, or is due, calls nobody', async (t) => {
    for (const way of ['detach', 'close'] as const) {
      for (const due of [false, true]) {
        const l = new Listening(t, open)
        l.listen()
        await quiet()
        if (due) await l.w.send(numbered(3, l.to))
        const before = l.calls
        way === 'detach' ? l.port.detach() : l.w.domain.close()
        await quiet()
        t.equal(l.calls, before, `${way}${due ? ' with events' : ''}`)
      }
    }
  })

  t.test('is called while nothing else refers to the port', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }] })
    const called = watchAndForget(w)
    for (let i = 0; i < 5; i++) {
      collectGarbage()
      await quiet()
    }
    await w.send([{ queue: w.queues[0] }])
    await within('it is called', called)
    t.equal(w.queued(w.ports[0]), 1, 'for the event')
  })

  t.test('the next object of a port that was detached while it waited is called', async (t) => {
    const l = new Listening(t, open)
    l.port.onReadable(() => t.fail('the old one is called no more'))
    await quiet()
    l.port.detach()
    const port = l.w.domain.attachPort(l.port.id)
    port.onReadable(() => port.receive(l.w.events, 8))
    await l.w.send(numbered(3, l.to))
    await until('they come', () => port.unreleased > 0)
    await quiet()
    t.equal(port.unreleased, 3)
  })
}
