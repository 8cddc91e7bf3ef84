import t from 'tap'
import { openDevice } from '../../../lib/device/open.ts'
import { tryOut } from '../model.ts'
import { check } from './check.ts'
import type { Change, Event, History, Setup, Step } from './history.ts'
import { Reference } from './reference.ts'

/**
 * These tests hold the checker of random histories to the contract: it refuses what the contract
 * forbids, and leaves a device the choices that the contract leaves.
 */

const setup: Setup = {
  queues: [0, 0],
  ports: [
    { cqDepth: 8, eventStateEntries: 2 },
    { cqDepth: 8, eventStateEntries: 8 },
  ],
  sinks: 1,
  credits: 64,
  batch: 8,
  flowPriorities: false,
  linked: false,
}

/** The pairs of an event and the port that it is scheduled to. */
type Scheduled = readonly (readonly [event: number, port: number])[]

/** A history that no device has played, told step by step. */
class ToldHistory implements History {
  readonly setup = setup
  readonly events: readonly Event[]
  readonly steps: Step[] = []
  readonly received: number[][] = Array.from({ length: setup.ports.length + setup.sinks + 1 }, () => [])
  readonly #reference: Reference

  constructor(events: readonly Event[]) {
    this.events = events
    this.#reference = new Reference(setup, events)
  }

  /** Adds a call that makes these changes, after which these events are scheduled. */
  step(changes: readonly Change[], scheduled: Scheduled = []): this {
    for (const change of changes) this.#reference.apply(change)
    for (const [event, port] of scheduled) {
      this.#reference.schedule(event, port)
      this.received[port].push(event)
    }
    this.steps.push({ text: '', changes, sight: { ...this.#reference.sight(), creditsFree: 0 } })
    return this
  }
}

const first = 0
const pinning = 1
const loose = 2
const pinned = 3
const rival = 4

/**
 * Port 0 is full. Queue 0 has two atomic events that wait: the flow of `pinned` is at port 0, and
 * `loose` has a flow of its own. Queue 1 has `rival`. Then port 1 is linked to queue 0, with a
 * worse priority than port 0 and the same as queue 1's, and port 0 gets room for one event.
 */
function contest(loosePriority: number, scheduled: Scheduled): ToldHistory {
  const events: Event[] = []
  events[first] = { queue: 1, type: 'unordered', flow: 0, priority: 0 }
  events[pinning] = { queue: 0, type: 'atomic', flow: 1, priority: 0 }
  events[loose] = { queue: 0, type: 'atomic', flow: 2, priority: loosePriority }
  events[pinned] = { queue: 0, type: 'atomic', flow: 1, priority: 3 }
  events[rival] = { queue: 1, type: 'unordered', flow: 0, priority: 0 }
  const arrive = (event: number): Change => ({ kind: 'arrive', event })
  return new ToldHistory(events)
    .step([
      { kind: 'link', port: 0, queue: 0, priority: 0 },
      { kind: 'link', port: 0, queue: 1, priority: 4 },
    ])
    .step([arrive(first)], [[first, 0]])
    .step([arrive(pinning)], [[pinning, 0]])
    .step([arrive(loose), arrive(pinned), arrive(rival)])
    .step([{ kind: 'take', port: 0, event: first }])
    .step(
      [
        { kind: 'link', port: 1, queue: 0, priority: 4 },
        { kind: 'complete', port: 0, successor: -1 },
      ],
      scheduled,
    )
}

t.test('a queue may offer any of its events with the best priority, whatever their links', async (t) => {
  const byLoose: Scheduled = [
    [rival, 0],
    [loose, 1],
  ]
  t.equal(check(contest(3, byLoose)), null, 'it offers the event that goes by the worse link')
  const byPinned: Scheduled = [
    [pinned, 0],
    [loose, 1],
  ]
  t.equal(check(contest(3, byPinned)), null, 'it offers the event that goes by the better link')
})

t.test('an event may not go before what a queue offers by a better link', async (t) => {
  const wrong: Scheduled = [
    [rival, 0],
    [loose, 1],
  ]
  t.match(check(contest(7, wrong)), { step: 5, what: /cannot have been scheduled/ }, 'only one event is the best')
  const right: Scheduled = [
    [pinned, 0],
    [loose, 1],
  ]
  t.equal(check(contest(7, right)), null)
})

t.test('the software device plays what the checker once refused', async (t) => {
  const device = openDevice({ device: 'software' })
  t.teardown(() => device.close())
  // In this history, a queue offers an event that goes by a worse link than another event of the
  // same priority, whose flow is at a port.
  t.equal(await tryOut(device, 148569103), null)
})
