import type { QueueId } from '../device/device.ts'
import { EventBuffer } from '../device/event-buffer.ts'
import type { DeviceFacts, Fabric, FabricCounts, FabricHooks, FabricParts } from './fabric.ts'
import type { Connection } from './ledger.ts'
import type { Policies, Policy } from './policies/index.ts'
import { NOTHING_WAITING, type Waiting } from './waiting.ts'

const BATCH = 64

/**
 * No device: each worker accepts for itself from the listeners' sockets, which they share (Envoy's Nop).
 *
 * Cost: the kernel wakes every idle worker for a connection, and the first that comes has it: loads are uneven, as
 * with `node:cluster`'s SCHED_NONE, and nothing can be taken back from a worker that is stuck.
 *
 * What a device had that has failed is given to the workers as messages, in turn; so it has directed queues by name.
 */
export class NopFabric implements Fabric {
  readonly device: DeviceFacts
  readonly policies: Policies
  readonly queues = []
  readonly sharesCounting = false
  readonly directQueues: readonly QueueId[]
  readonly #hooks: FabricHooks
  /** By worker: what it was given. It may have taken them since; the ledger knows. */
  readonly #given: Connection[][]

  constructor({ reason, policies, options, hooks, fallback }: FabricParts & { readonly reason: string }) {
    this.device = { kind: 'none', id: 0, version: 'none', reason, fallback }
    this.policies = policies
    this.directQueues = Array.from({ length: options.slots }, (_, id) => ({ kind: 'directed', id }))
    this.#hooks = hooks
    this.#given = this.directQueues.map(() => [])
  }

  policyFor(): Policy {
    return this.policies.get('nop')
  }

  createEvents(): EventBuffer {
    return new EventBuffer(0, BATCH)
  }

  send(events: EventBuffer, count: number): number {
    for (let i = 0; i < count; i++) {
      const worker = events.queueId(i)
      const connection = { listener: events.data16(i), fd: events.data64Low(i), stamp: events.data64High(i) }
      this.#given[worker].push(connection)
      this.#hooks.give(worker, { type: 'take', ...connection })
    }
    return count
  }

  linkFor(): null {
    return null
  }

  recover(worker: number): void {
    const given = this.#given[worker].splice(0)
    if (given.length > 0) this.#hooks.onRecovered(given)
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
    return { creditsFree: 0, queued: 0, byWorker: this.#given.map(() => 0) }
  }

  close(): void {
    // The sockets are the listeners'.
  }
}
