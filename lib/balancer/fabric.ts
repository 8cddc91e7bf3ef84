import type { QueueId } from '../device/device.ts'
import type { EventBuffer } from '../device/event-buffer.ts'
import { openDevice } from '../device/open.ts'
import { SoftwareDevice } from '../device/software/device.ts'
import { NodeDlbError } from '../errors.ts'
import type { DeviceLink, Take } from '../worker/protocol.ts'
import { DeviceFabric } from './device-fabric.ts'
import type { Connection } from './ledger.ts'
import { NopFabric } from './nop-fabric.ts'
import type { ResolvedOptions } from './options.ts'
import { type CountWorker, createPolicy, type Policy, type PolicyName } from './policies.ts'

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
 * What lies between the acceptor and the workers: the part of a queue device that one balancer uses, or, without a device,
 * nothing. It is made once and replaced as a whole when the device fails.
 *
 * Main thread. None of its methods throw for a device that fails: they do nothing then, and `onFailure` is called, once,
 * on a later turn.
 */
export interface Fabric {
  readonly device: DeviceFacts
  readonly policy: Policy
  /** For listeners; null if the policy needs none. */
  readonly queues: readonly QueueId[] | null
  /** By worker, if the policy addresses workers. */
  readonly directQueues: readonly QueueId[]
  /** The workers accept for themselves, from the listeners' sockets. */
  readonly sharesSockets: boolean
  createEvents(): EventBuffer
  /** As a port's. */
  send(events: EventBuffer, count: number): number
  /** What the worker needs to know; null without a device. */
  linkFor(worker: number): DeviceLink | null
  /** The worker's thread has ended: what was on its way to it is given back through `onTaken`. */
  recover(worker: number): void
  /** From here on, what is in the queue is given back: no worker listens to it any more. */
  drain(queue: QueueId): void
  /** The queue is a new listener's. */
  release(queue: QueueId): void
  counts(): FabricCounts
  close(): void
}

export interface FabricHooks {
  /** Connections that come back; the ledger knows whether they are there to be dealt again. */
  onTaken(connections: readonly Connection[]): void
  /** The device has failed. */
  onFailure(error: NodeDlbError): void
  /** For the nop policy: gives the worker a connection. */
  give(worker: number, take: Take): void
  count: CountWorker
}

/** What a fabric is made of. */
export interface FabricParts {
  readonly policy: Policy
  readonly options: ResolvedOptions
  readonly hooks: FabricHooks
  readonly fallback: boolean
}

export type FallbackPolicy = 'software' | 'exact' | 'nop' | 'none'

/**
 * Takes the device that the options ask for. If that is DLB and it cannot be had, or set up, takes what `fallbackPolicy`
 * says instead.
 * @throws ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_NO_RESOURCES, ERR_DLB_DEVICE_FAILED; nothing is left open then.
 */
export function openFabric(options: ResolvedOptions, hooks: FabricHooks): Fabric {
  const { policy, device: kind, id, library } = options
  if (policy === 'nop') return new NopFabric({ ...parts('nop', options, hooks), reason: 'the policy is nop' })
  let opened: 'software' | 'dlb' = 'dlb'
  try {
    const device = openDevice({
      ...(kind && { device: kind }),
      ...(id !== undefined && { id }),
      ...(library && { library }),
    })
    opened = device.kind
    return new DeviceFabric({ ...parts(policy, options, hooks), device })
  } catch (error) {
    const isOurs = error instanceof NodeDlbError && error.code !== 'ERR_DLB_INVALID_ARGUMENT'
    if (opened === 'software' || !isOurs) throw error
    return openFallback(options, hooks, error)
  }
}

/** What takes the place of a DLB device that has failed. @throws its error, if the policy is to have nothing instead. */
export function openFallback(options: ResolvedOptions, hooks: FabricHooks, failure: NodeDlbError): Fabric {
  const { fallbackPolicy, policy } = options
  if (fallbackPolicy === 'none') throw failure
  // A port that nobody stopped.
  const wasReset = failure.code === 'ERR_DLB_PORT_STOPPED'
  const reason = `instead of DLB: ${wasReset ? 'the device was reset' : failure.message}`
  if (fallbackPolicy === 'nop') return new NopFabric({ ...parts('nop', options, hooks), reason, fallback: true })
  const name = fallbackPolicy === 'exact' ? 'exact' : policy
  return new DeviceFabric({ ...parts(name, options, hooks), device: new SoftwareDevice(reason), fallback: true })
}

function parts(name: PolicyName, options: ResolvedOptions, hooks: FabricHooks): FabricParts {
  return { policy: createPolicy(name, options.workers, hooks.count), options, hooks, fallback: false }
}
