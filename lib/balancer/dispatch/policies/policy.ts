import type { QueueId, QueueKind } from '../../../device/device.ts'
import type { EventBuffer } from '../../../device/event-buffer.ts'
import type { PolicyName } from './names.ts'

/** What a policy sees of a listener. */
export interface PolicyListener {
  /** Its load-balanced queue; null if the policy needs none. */
  readonly queue: QueueId | null
  /** The eligible workers that listen. */
  readonly workers: readonly number[]
  /**
   * The directed queues of these workers, in the same order; empty if the policy does not send to
   * workers directly.
   */
  readonly directedQueues: readonly QueueId[]
  /** 0 (first) to 7. */
  readonly priority: number
  /** Whether its connections begin with the PROXY protocol's header. */
  readonly proxied: boolean
  /** The index in `workers` at which directed policies begin their next search. */
  turn: number
}

/** Decides, through the events' targets, which worker gets a connection. Main thread. */
export interface Policy {
  readonly name: PolicyName
  /** The kind of queue that it sends to. */
  readonly kind: QueueKind
  /** When a connection is complete for the device. It counts as load until then. */
  readonly completion: 'adoption' | 'close'
  /** Whether it needs the client's address, so that a PROXY header has to have come first. */
  readonly needsClient: boolean
  /**
   * Sets the target of event `i`. `i` is also the number of connections since the last one that was
   * sent.
   * @returns the worker that it goes to, or ANY_WORKER
   */
  target(events: EventBuffer, i: number, listener: PolicyListener): number
  /**
   * Called after a send: of the events addressed since the last call, the first `count` were sent.
   */
  sent(listener: PolicyListener, count: number): void
}
