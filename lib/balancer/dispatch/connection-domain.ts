import type { Device, QueueId } from '../../device/device.ts'
import { EventBuffer, SchedulingType } from '../../device/event-buffer.ts'
import { NodeDlbError } from '../../errors.ts'
import type { Connection } from '../../ledger/ledger.ts'
import type { DomainLink, ToWorker } from '../../protocol.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { BATCH, connectionAt, DeviceDomain } from './device-domain.ts'
import type { Progress } from './device-probe.ts'
import type { DomainCounts } from './domain-counts.ts'
import type { Policies, Policy, PolicyHost } from './policies/index.ts'
import { isOwnAccepting, type PolicyName } from './policies/names.ts'
import { NOTHING_WAITING, type Waiting } from './waiting.ts'

/** The facts about the device that `stats()` shows. */
export interface DeviceFacts {
  /** none: the workers accept for themselves. */
  readonly kind: 'dlb' | 'software' | 'none'
  /** The n of /dev/dlb<n>; 0 for the software device and for none. */
  readonly id: number
  /** `DLB 2.0`, `DLB 2.5`, either with `(stand-in)`, `software` or `none`. */
  readonly version: string
  /** The reason for which this device is used: one sentence. */
  readonly reason: string
  /** Whether it replaces a DLB device that could not be had, or has failed. */
  readonly fallback: boolean
}

/** What a domain needs from the balancer. */
export interface DomainHost {
  readonly policies: PolicyHost
  readonly progress: Progress
  readonly workers: Messenger
  /** Called when the device has failed: once, on a later turn of the loop. */
  deviceFailed(error: NodeDlbError): void
}

/** Sends messages to workers. */
export interface Messenger {
  post(worker: number, message: ToWorker): void
}

/** Takes the connections that no worker is linked to. */
export interface Receiver {
  dealReturned(connections: readonly Connection[]): void
}

export interface ConnectionDomainParts {
  /** null if the workers accept for themselves. */
  readonly device: Device | null
  readonly facts: DeviceFacts
  readonly policies: Policies
  /** The policy that all listeners have; null if each has its own. */
  readonly only: PolicyName | null
  readonly options: ResolvedOptions
  readonly host: DomainHost
}

const NO_PORTS = {
  token: null,
  balanced: null,
  directed: null,
  queues: [],
  limits: { perWorker: 0, total: Number.POSITIVE_INFINITY, reserved: 0 },
} as const

/**
 * The domain that connections travel in: load-balanced queues for listeners, a directed queue for
 * each worker, and the policies that choose among them. When the device fails, another domain
 * replaces it as a whole.
 *
 * The queues are those of a queue device. A device has directed queues only if a policy sends to
 * workers directly. Connections for any other directed queue go to its worker as messages: those of
 * listeners that have no queue (see QueuePool), and those that main deals under `nop` (of a device
 * that has failed, or of a worker that has ended while it accepted). The policies, the dealer, and
 * the adopter in the worker do not see the difference. Directed ports for these few connections
 * would cost more than they are worth: other processes want a DLB device's ports, and on DLB 2.0
 * its directed credits, a small pool. A software device only for `nop` would add 2 ms of CPU to a
 * worker's start, and take 1 MiB with four workers.
 *
 * Main thread. No method throws when a device fails: it then does nothing, and the host's
 * `deviceFailed` is called.
 */
export class ConnectionDomain {
  readonly device: DeviceFacts
  readonly policies: Policies
  /** The load-balanced queues for listeners: no more than a port has links. */
  readonly queues: readonly QueueId[]
  /** The workers' directed queues, by worker. */
  readonly directedQueues: readonly QueueId[]
  readonly #only: PolicyName | null
  readonly #host: DomainHost
  readonly #domain: DeviceDomain | null
  #receiver: Receiver | null = null
  /** The device has failed, or the domain is closed: calls do nothing. */
  #over = false

  /**
   * Takes over the device.
   * @throws ERR_DLB_NO_RESOURCES, ERR_DLB_DEVICE_FAILED; then everything is undone and the device
   *   closed
   */
  constructor({ device, facts, policies, only, options, host }: ConnectionDomainParts) {
    this.device = facts
    this.policies = policies
    this.#only = only
    this.#host = host
    const owner = {
      progress: this.#progress(),
      received: (connections: readonly Connection[]) => this.#receiver?.dealReturned(connections),
      failed: (error: unknown) => this.#fail(error),
    }
    this.#domain = device && new DeviceDomain(device, policies, options, owner)
    this.queues = this.#domain?.queues ?? []
    // Queues that no device has: `send` posts what is sent there.
    const posted = Array.from({ length: options.workerPlaces }, (_, id): QueueId => ({ kind: 'directed', id }))
    this.directedQueues = this.#domain?.directedQueues ?? posted
  }

  /** Sets the receiver of connections that no worker is linked to. */
  returnTo(receiver: Receiver): void {
    this.#receiver = receiver
  }

  /** The policy for a listener that wants this one. After a failure it can be another. */
  policyFor(wanted: PolicyName): Policy {
    return this.policies.get(this.#only ?? wanted)
  }

  createEvents(): EventBuffer {
    return this.#domain?.createEvents() ?? new EventBuffer(0, BATCH)
  }

  /**
   * Sends events as a port does. The events are of one policy, so either all of them go to workers
   * directly or none does.
   * @returns how many were taken
   */
  send(events: EventBuffer, count: number): number {
    const isDirected = events.schedulingType(0) === SchedulingType.directed
    if (isDirected && !this.#domain?.directedQueues) return this.#post(events, count)
    return this.#try((domain) => domain.send(events, count), 0)
  }

  /**
   * Whether workers share the device's in-flight limit, so that each has to know how many they are.
   */
  get sharesInFlightLimit(): boolean {
    return this.#domain?.sharesInFlightLimit ?? false
  }

  /** The link that the worker gets. `workers`: how many have a thread, this one included. */
  linkFor(worker: number, workers: number): DomainLink {
    return this.#domain?.linkFor(worker, workers) ?? { ...NO_PORTS, workers }
  }

  /**
   * Takes the connections out of the ports of a worker whose thread has ended.
   * @returns these connections; the ledger knows which of them were adopted
   */
  recoverFrom(worker: number): Connection[] {
    const recovered: Connection[] = []
    for (const port of this.#domain?.portsOf(worker) ?? []) {
      this.#try((domain) => domain.recover(port, recovered), undefined)
    }
    return recovered
  }

  /**
   * Sets whether the device deals to the worker; at first it does. Connections that it has been
   * dealt already stay there. Directed queues are not affected: the policies that send to workers
   * directly leave out workers that are not eligible.
   */
  setEligible(worker: number, eligible: boolean): void {
    this.#try((domain) => domain.setEligible(worker, eligible), undefined)
  }

  /**
   * @returns the connections that wait in the worker's consumer queues, oldest first, up to
   *   `wanted` of each. The worker may be receiving them at this moment.
   */
  waitingAt(worker: number, wanted = Number.POSITIVE_INFINITY): Waiting {
    return this.#try((domain) => domain.waitingAt(worker, wanted), NOTHING_WAITING)
  }

  /**
   * Called when the queue belongs to no listener: from here on, connections in it come back to
   * main.
   */
  reclaim(queue: QueueId): void {
    this.#try((domain) => domain.reclaim(queue), undefined)
  }

  /** Called when the queue belongs to a listener again. */
  stopReclaiming(queue: QueueId): void {
    this.#try((domain) => domain.stopReclaiming(queue), undefined)
  }

  counts(): DomainCounts {
    const none = { creditsFree: 0, queued: 0, byWorker: this.directedQueues.map(() => 0) }
    return this.#try((domain) => domain.counts(), none)
  }

  close(): void {
    this.#over = true
    this.#domain?.close()
  }

  /**
   * Sends connections to their workers as messages. If a worker's thread has ended by then, the
   * ledger shows what it was sent.
   * @returns the number of connections, which is `count`
   */
  #post(events: EventBuffer, count: number): number {
    for (let i = 0; i < count; i++) {
      const connection = connectionAt(events, i)
      this.#host.workers.post(events.queueId(i), { type: 'connection', connection })
    }
    return count
  }

  /**
   * The progress by which the device is judged. If workers also accept for themselves, adoptions do
   * not show that the device works, so they do not count.
   */
  #progress(): Progress {
    const { progress } = this.#host
    if (!this.policies.names().some(isOwnAccepting)) return progress
    return {
      get inFlight() {
        return progress.inFlight
      },
      adopted: 0,
    }
  }

  #try<T>(call: (domain: DeviceDomain) => T, otherwise: T): T {
    if (this.#over || this.#domain === null) return otherwise
    try {
      return call(this.#domain)
    } catch (error) {
      this.#fail(error)
      return otherwise
    }
  }

  #fail(error: unknown): void {
    // The software device does not fail: an error that it throws is a bug.
    if (!(error instanceof NodeDlbError) || this.device.kind !== 'dlb') throw error
    if (this.#over) return
    this.#over = true
    this.#domain?.stop()
    queueMicrotask(() => this.#host.deviceFailed(error))
  }
}
