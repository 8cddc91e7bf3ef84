import { type EventBuffer, SchedulingType } from '../../../device/event-buffer.ts'
import { ANY_WORKER } from '../../../ledger/ledger.ts'
import type { Balanced, Policy } from './policy.ts'

/** The device deals each connection to the listening worker that has the least load. */
abstract class LoadBalanced implements Policy {
  abstract readonly name: Policy['name']
  abstract readonly completion: Policy['completion']
  readonly kind = 'load-balanced'
  readonly needsClient = false

  target(events: EventBuffer, i: number, { queue, priority }: Balanced): number {
    if (queue) events.setTarget(i, queue.id, SchedulingType.unordered, priority)
    return ANY_WORKER
  }

  sent(): void {
    // The device keeps the counts.
  }
}

/**
 * To the listening worker that has the fewest waiting: a connection is complete once the worker has
 * adopted it, and its event loop has come round. Envoy's DLB extension does the same, but for the
 * loop: a worker whose loop is blocked is preferred there.
 *
 * Cost: none in this process beyond the send; one load-balanced queue for all listeners of the same
 * workers, at most 8 connections waiting per worker. It balances what waits, not what is open:
 * long-lived connections can pile up on a worker that is quick to adopt.
 */
export class Unordered extends LoadBalanced {
  readonly name = 'unordered'
  readonly completion = 'adoption'
}

/**
 * To the listening worker that has the fewest open connections: a connection is complete when it
 * closes.
 *
 * Cost: as `unordered`, and an event-state entry of the device for each open connection. A worker
 * has a bounded number of them (see DeviceFabric), and a DLB device counts only so many of all
 * workers. With more connections open than that, a worker's oldest are completed early, which is
 * counted; lib/worker/connections/counting-room.ts has what the load is then.
 */
export class LeastConnections extends LoadBalanced {
  readonly name = 'least-connections'
  readonly completion = 'close'
}
