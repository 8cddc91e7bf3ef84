import type { QueueId } from '../../device/device.ts'
import { EventBuffer } from '../../device/event-buffer.ts'
import type { DeviceFacts, Fabric, FabricCounts, FabricHooks, FabricParts } from './fabric.ts'
import { giveAll } from './giving.ts'
import type { Policies, Policy } from './policies/index.ts'
import { NOTHING_WAITING, type Waiting } from './waiting.ts'

const BATCH = 64

/**
 * No device: each worker accepts for itself from the listeners' sockets, which they share (Envoy's
 * Nop).
 *
 * Cost: the kernel wakes every idle worker for a connection, and the first that comes has it: loads
 * are uneven, as with `node:cluster`'s SCHED_NONE, and nothing can be taken back from a worker that
 * is stuck.
 *
 * What a device had that has failed is given to the workers as messages, in turn; so it has
 * directed queues by name.
 */
export class NopFabric implements Fabric {
  readonly device: DeviceFacts
  readonly policies: Policies
  readonly queues = []
  readonly sharesInFlightLimit = false
  readonly directQueues: readonly QueueId[]
  readonly #hooks: FabricHooks

  constructor({ reason, policies, options, hooks, fallback }: FabricParts & { readonly reason: string }) {
    this.device = { kind: 'none', id: 0, version: 'none', reason, fallback }
    this.policies = policies
    this.directQueues = Array.from({ length: options.slots }, (_, id) => ({ kind: 'directed', id }))
    this.#hooks = hooks
  }

  policyFor(): Policy {
    return this.policies.get('nop')
  }

  createEvents(): EventBuffer {
    return new EventBuffer(0, BATCH)
  }

  send(events: EventBuffer, count: number): number {
    return this.give(events, count)
  }

  give(events: EventBuffer, count: number): number {
    return giveAll(events, count, this.#hooks.give)
  }

  linkFor(): null {
    return null
  }

  recover(): void {
    // There are no ports. What it was given the ledger knows.
  }

  setEligible(): void {
    // The workers accept for themselves; main addresses none that is held.
  }

  waitingAt(): Waiting {
    return NOTHING_WAITING
  }

  drain(): void {
    // There are no queues.
  }

  release(): void {
    // There are no queues.
  }

  counts(): FabricCounts {
    return { creditsFree: 0, queued: 0, byWorker: this.directQueues.map(() => 0) }
  }

  close(): void {
    // The sockets are the listeners'.
  }
}
