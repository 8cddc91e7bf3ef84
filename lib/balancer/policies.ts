import type { QueueId, QueueKind } from '../device/device.ts'
import { type EventBuffer, SchedulingType } from '../device/event-buffer.ts'

/** What a policy sees of a listener. */
export interface Balanced {
  /** Its load-balanced queue; null if the policy needs none. */
  readonly queue: QueueId | null
  /** The workers that listen. */
  readonly workers: readonly number[]
  /** Their directed queues, in the same order; empty for load-balanced queues. */
  readonly directQueues: readonly QueueId[]
  /** The round-robin policy's place in them. */
  turn: number
}

/** Decides, through the events' targets, which worker gets a connection. */
export interface Policy {
  readonly name: PolicyName
  /** The kind of port that workers receive from. */
  readonly portKind: QueueKind
  /** Addresses event `i`, the connection `i` places after the last one that was sent. */
  target(events: EventBuffer, i: number, listener: Balanced): void
  /** Of those addressed since the last call, the first `count` were sent. */
  sent(listener: Balanced, count: number): void
  /** A worker has given a connection back. */
  returned?(worker: number): void
  /** A worker's thread has ended: it has no connections any more. */
  ended?(worker: number): void
}

/** A worker's connections since the start: those it took, and of them those that are closed. */
export type CountWorker = (worker: number) => { readonly adopted: number; readonly closed: number }

const HIGHEST_PRIORITY = 0

/**
 * The device deals each connection to the listening worker that has the fewest waiting, and it is complete once
 * the worker has adopted it: Envoy's DLB extension does the same.
 *
 * Cost: none in this process beyond the send; one load-balanced queue per listener, at most 8 connections waiting
 * per worker. It balances what waits, not what is open: long-lived connections can pile up on a worker that is quick
 * to adopt.
 */
class Unordered implements Policy {
  readonly name = 'unordered'
  readonly portKind = 'load-balanced'

  target(events: EventBuffer, i: number, { queue }: Balanced): void {
    if (queue) events.setTarget(i, queue.id, SchedulingType.unordered, HIGHEST_PRIORITY)
  }

  sent(): void {
    // The device keeps the counts.
  }
}

/**
 * The listening workers in turn, as `node:cluster` deals. The counts of connections dealt differ by at most one.
 *
 * Cost: a directed queue per worker; a connection that was dealt to a worker that is stuck waits for it.
 */
class RoundRobin implements Policy {
  readonly name: PolicyName
  readonly portKind = 'directed'

  constructor(name: PolicyName) {
    this.name = name
  }

  target(events: EventBuffer, i: number, { directQueues, turn }: Balanced): void {
    const queue = directQueues[(turn + i) % directQueues.length]
    events.setTarget(i, queue.id, SchedulingType.directed, HIGHEST_PRIORITY)
  }

  sent(listener: Balanced, count: number): void {
    listener.turn = (listener.turn + count) % Math.max(1, listener.directQueues.length)
  }
}

/**
 * Each connection to the listening worker that has the fewest: open ones, and those on their way to it. Envoy's Exact
 * balance. One thread deals, so that the counts need no lock. The counts of connections held differ by at most one.
 *
 * Cost: a directed queue per worker, and for each connection a look at every worker's counts; a connection that was dealt
 * to a worker that is stuck waits for it.
 */
class Exact implements Policy {
  readonly name = 'exact'
  readonly portKind = 'directed'
  readonly #count: CountWorker
  /** By worker: connections that it was dealt since the start, and did not give back. */
  readonly #dealt: number[]
  /** The workers of the events that were addressed and not sent yet. */
  readonly #addressed: number[] = []

  constructor(workers: number, count: CountWorker) {
    this.#count = count
    this.#dealt = Array.from({ length: workers }, (_, worker) => count(worker).adopted)
  }

  target(events: EventBuffer, i: number, { directQueues, workers, turn }: Balanced): void {
    let least = 0
    let leastLoad = Number.POSITIVE_INFINITY
    for (let k = 0; k < workers.length; k++) {
      // From the last one's successor on: among equals, they take turns.
      const place = (turn + i + k) % workers.length
      const load = this.#load(workers[place])
      if (load >= leastLoad) continue
      least = place
      leastLoad = load
    }
    this.#dealt[workers[least]]++
    this.#addressed.push(workers[least])
    events.setTarget(i, directQueues[least].id, SchedulingType.directed, HIGHEST_PRIORITY)
  }

  sent(listener: Balanced, count: number): void {
    for (const worker of this.#addressed.splice(0).slice(count)) this.#dealt[worker]--
    listener.turn = (listener.turn + count) % Math.max(1, listener.workers.length)
  }

  returned(worker: number): void {
    this.#dealt[worker]--
  }

  ended(worker: number): void {
    this.#dealt[worker] = this.#count(worker).closed
  }

  #load(worker: number): number {
    return this.#dealt[worker] - this.#count(worker).closed
  }
}

const policies = {
  unordered: () => new Unordered(),
  exact: (workers: number, count: CountWorker) => new Exact(workers, count),
  'round-robin': () => new RoundRobin('round-robin'),
  /** Each worker accepts for itself. In turn are only those connections dealt that a device had which has failed. */
  nop: () => new RoundRobin('nop'),
} as const

export type PolicyName = keyof typeof policies

export const policyNames = Object.keys(policies) as readonly PolicyName[]

export function isPolicyName(value: unknown): value is PolicyName {
  return typeof value === 'string' && Object.hasOwn(policies, value)
}

export function createPolicy(name: PolicyName, workers: number, count: CountWorker): Policy {
  return policies[name](workers, count)
}
