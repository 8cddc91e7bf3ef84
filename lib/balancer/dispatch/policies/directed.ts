import { type EventBuffer, SchedulingType } from '../../../device/event-buffer.ts'
import type { Policy, PolicyListener } from './policy.ts'
import type { WorkerLoads } from './worker-loads.ts'

/**
 * A policy that chooses the worker itself, and sends to that worker's directed queue. A connection
 * that was dealt to a worker waits for this worker.
 */
export abstract class Directed implements Policy {
  abstract readonly name: Policy['name']
  readonly kind = 'directed'
  readonly completion = 'adoption'
  readonly needsClient: boolean = false
  protected readonly loads: WorkerLoads
  /** The workers of the events that are addressed and not yet sent. */
  readonly #addressed: number[] = []

  constructor(loads: WorkerLoads) {
    this.loads = loads
  }

  /** @returns an index into the listener's workers */
  protected abstract choose(listener: PolicyListener, i: number, fd: number, stamp: number): number

  target(events: EventBuffer, i: number, listener: PolicyListener): number {
    const index = this.choose(listener, i, events.data64Low(i), events.data64High(i))
    const worker = listener.workers[index]
    this.loads.dealt(worker, 1)
    this.#addressed.push(worker)
    events.setTarget(i, listener.directedQueues[index].id, SchedulingType.directed, listener.priority)
    return worker
  }

  sent(listener: PolicyListener, count: number): void {
    for (const worker of this.#addressed.splice(0).slice(count)) this.loads.dealt(worker, -1)
    listener.turn = (listener.turn + count) % Math.max(1, listener.workers.length)
  }
}

/**
 * Deals to the listening workers in turn, as `node:cluster` does. The counts of connections dealt
 * differ by at most one.
 *
 * Cost: a directed queue per worker.
 */
export class RoundRobin extends Directed {
  readonly name: Policy['name'] = 'round-robin'

  protected choose({ workers, turn }: PolicyListener, i: number): number {
    return (turn + i) % workers.length
  }
}

/**
 * Deals each connection to the listening worker with the fewest. It counts open connections and
 * those on their way to the worker, but not those that load-balanced policies have dealt. This is
 * Envoy's Exact balance. Only one thread deals, so the counts need no lock. While no connection
 * closes, the workers' counts differ by at most one.
 *
 * Cost: a directed queue per worker, and for each connection a pass over every worker's counts.
 */
export class Exact extends Directed {
  readonly name: Policy['name'] = 'exact'

  protected choose({ workers, turn }: PolicyListener, i: number, _fd: number, _stamp: number): number {
    let least = 0
    let leastLoad = Number.POSITIVE_INFINITY
    for (let k = 0; k < workers.length; k++) {
      // The search begins after the last choice, so that workers with equal counts take turns.
      const index = (turn + i + k) % workers.length
      const load = this.loads.of(workers[index])
      if (load >= leastLoad) continue
      least = index
      leastLoad = load
    }
    return least
  }
}
