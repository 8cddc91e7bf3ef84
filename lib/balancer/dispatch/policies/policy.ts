import type { QueueId, QueueKind } from '../../../device/device.ts'
import type { EventBuffer } from '../../../device/event-buffer.ts'
import type { PolicyName } from './names.ts'

/** What a policy sees of a listener. */
export interface PolicyListener {
  /** Its load-balanced queue; null if the policy needs none. */
  readonly queue: QueueId | null
  /** The workers that listen and may be dealt connections. */
  readonly workers: readonly number[]
  /** Their directed queues, in the same order; empty if the policy addresses no workers. */
  readonly directQueues: readonly QueueId[]
  /** 0 (first) to 7. */
  readonly priority: number
  /** Its connections begin with the PROXY protocol's header. */
  readonly proxied: boolean
  /** Directed policies' place in the workers. */
  turn: number
}

/** Decides, through the events' targets, which worker gets a connection. Main thread. */
export interface Policy {
  readonly name: PolicyName
  /** The kind of queue that it sends to. */
  readonly kind: QueueKind
  /** When a connection is complete for the device: it counts as load until then. */
  readonly completion: 'adoption' | 'close'
  /** It asks who the client is: what a header says of it has to be there. */
  readonly needsClient: boolean
  /**
   * Addresses event `i`, which holds the connection `i` places after the last one that was sent.
   * @returns the worker that it goes to, or ANY_WORKER
   */
  target(events: EventBuffer, i: number, listener: PolicyListener): number
  /** The first `count` of the events addressed since the last call were sent. */
  sent(listener: PolicyListener, count: number): void
}
