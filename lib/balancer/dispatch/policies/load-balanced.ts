import { type EventBuffer, SchedulingType } from '../../../device/event-buffer.ts'
import { ANY_WORKER } from '../../../ledger/ledger.ts'
import type { Policy, PolicyListener } from './policy.ts'

/**
 * A policy with which the device deals each connection to the listening worker with the least load.
 */
abstract class LoadBalanced implements Policy {
  abstract readonly name: Policy['name']
  abstract readonly completion: Policy['completion']
  readonly kind = 'load-balanced'
  readonly needsClient = false

  target(events: EventBuffer, i: number, { queue, priority }: PolicyListener): number {
    if (queue) events.setTarget(i, queue.id, SchedulingType.unordered, priority)
    return ANY_WORKER
  }

  sent(): void {
    // The device keeps the counts.
  }
}

/**
 * Deals to the listening worker with the fewest connections waiting: a connection is complete once
 * the worker has adopted it and its event loop has come round. Envoy's DLB extension does the same
 * without waiting for the loop, which prefers a worker whose loop is blocked.
 *
 * Cost: nothing in this process beyond the send; one load-balanced queue for all listeners with the
 * same workers; at most 8 connections waiting per worker. The policy balances what waits, not what
 * is open: long-lived connections can pile up on a worker that is quick to adopt.
 */
export class Unordered extends LoadBalanced {
  readonly name = 'unordered'
  readonly completion = 'adoption'
}

/**
 * Deals to the listening worker with the fewest open connections: a connection is complete when it
 * closes.
 *
 * Cost: the cost of `unordered`, plus an event-state entry of the device for each open connection.
 * A worker has a limited number of entries (see domain-plan.ts), and a DLB device counts a limited
 * number for all workers together. If more connections are open, a worker's oldest are completed
 * early, which is counted; InFlightShare explains the load in that case.
 */
export class LeastConnections extends LoadBalanced {
  readonly name = 'least-connections'
  readonly completion = 'close'
}
