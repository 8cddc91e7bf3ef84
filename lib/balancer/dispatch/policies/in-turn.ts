import { type EventBuffer, SchedulingType } from '../../../device/event-buffer.ts'
import type { Balanced, Policy } from './policy.ts'

/**
 * The listening workers in turn, to each of which main gives its connections as messages. For
 * listeners with a load-balanced policy that have no queue (see QueuePool): as long as the workers
 * that listen are of more sets than there are queues.
 *
 * Cost: a message for each connection. One that was given to a worker waits for it.
 */
export class InTurn implements Policy {
  readonly name = 'round-robin'
  readonly kind = 'none'
  readonly completion = 'adoption'
  readonly needsClient = false

  /** The event's queue id is its worker: see Giving. */
  target(events: EventBuffer, i: number, { workers, turn, priority }: Balanced): number {
    const worker = workers[(turn + i) % workers.length]
    events.setTarget(i, worker, SchedulingType.directed, priority)
    return worker
  }

  sent(listener: Balanced, count: number): void {
    listener.turn = (listener.turn + count) % Math.max(1, listener.workers.length)
  }
}
