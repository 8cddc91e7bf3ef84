import type { QueueId } from '../../device/device.ts'
import type { EventBuffer } from '../../device/event-buffer.ts'
import type { NodeDlbError } from '../../errors.ts'
import type { Connection } from '../../ledger/ledger.ts'
import type { DeviceLink, Take } from '../../protocol.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { Policies, Policy, PolicyHost } from './policies/index.ts'
import type { PolicyName } from './policies/names.ts'
import type { Waiting } from './waiting.ts'

/** What the stats say of the device. */
export interface DeviceFacts {
  /** none: the workers accept for themselves. */
  readonly kind: 'dlb' | 'software' | 'none'
  readonly id: number
  readonly version: string
  /** Why this device and not another. */
  readonly reason: string
  /** It took the place of a DLB device that could not be had, or has failed. */
  readonly fallback: boolean
}

export interface FabricCounts {
  /** How many more connections may wait in the device. */
  readonly creditsFree: number
  /** Connections in the listeners' queues that no worker has been dealt yet. */
  readonly queued: number
  /** By worker: connections that it was dealt and has not received yet. */
  readonly byWorker: readonly number[]
}

/**
 * What lies between the acceptor and the workers: the part of a queue device that one balancer
 * uses, or, without a device, nothing. It is made once and replaced as a whole when the device
 * fails.
 *
 * Main thread. None of its methods throw for a device that fails: they do nothing then, and
 * `onFailure` is called, once, on a later turn.
 */
export interface Fabric {
  readonly device: DeviceFacts
  readonly policies: Policies
  /** What a listener has that wants this policy: after a failure it can be another. */
  policyFor(wanted: PolicyName): Policy
  /** For listeners with load-balanced policies: no more than a port has links. */
  readonly queues: readonly QueueId[]
  /** By worker, for policies that address workers. */
  readonly directQueues: readonly QueueId[]
  createEvents(): EventBuffer
  /** As a port's. */
  send(events: EventBuffer, count: number): number
  /**
   * Whether workers share what the device can count, so that each has to know how many they are.
   */
  readonly sharesInFlightLimit: boolean
  /**
   * What the worker needs to know, `workers` being with a thread, itself included; null without a
   * device.
   */
  linkFor(worker: number, workers: number): DeviceLink | null
  /** Without a device: each event's queue id is its worker. @returns how many, which is all */
  give(events: EventBuffer, count: number): number
  /**
   * The worker's thread has ended: what was on its way to it is given back through `onRecovered`.
   */
  recover(worker: number): void
  /**
   * Whether the device deals to the worker; at first it does. What it has been dealt already stays
   * there.
   */
  setEligible(worker: number, eligible: boolean): void
  /**
   * What waits in the worker's consumer queues, oldest first, up to `most` of each: it has not
   * received it yet. A look; it may just be receiving it.
   */
  waitingAt(worker: number, most?: number): Waiting
  /** From here on, what is in the queue is given back: it is no listener's any more. */
  drain(queue: QueueId): void
  /** The queue is in use. */
  release(queue: QueueId): void
  counts(): FabricCounts
  close(): void
}

export interface FabricHooks {
  /** Connections that nobody listens for. */
  onTaken(connections: readonly Connection[]): void
  /** What a dead worker's port held; the ledger knows which of it was adopted. */
  onRecovered(connections: readonly Connection[]): void
  /** The device has failed. */
  onFailure(error: NodeDlbError): void
  /** Connections that were accepted and not adopted; and those adopted since the start. */
  readonly flow: { readonly inFlight: number; readonly adopted: number }
  /** Gives the worker a connection as a message. */
  give(worker: number, take: Take): void
  readonly policies: PolicyHost
}

/** What a fabric is made of. */
export interface FabricParts {
  readonly policies: Policies
  /** All listeners have this one; null: each has its own. */
  readonly only: PolicyName | null
  readonly options: ResolvedOptions
  readonly hooks: FabricHooks
  readonly fallback: boolean
}
