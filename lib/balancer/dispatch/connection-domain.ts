import type { Device, Port, PortId, QueueId, SchedulingDomain } from '../../device/device.ts'
import type { DlbDomain, DlbPort } from '../../device/dlb/types.ts'
import { type EventBuffer, SchedulingType } from '../../device/event-buffer.ts'
import { NodeDlbError } from '../../errors.ts'
import type { Connection } from '../../ledger/ledger.ts'
import type { DomainLink, ToWorker } from '../../protocol.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { DeviceProbe, type Progress } from './device-probe.ts'
import { countConnections, type DomainCounts } from './domain-counts.ts'
import { type DomainPlan, planDomain } from './domain-plan.ts'
import { createPorts, type DomainPorts, directQueueOf, portsOf } from './domain-ports.ts'
import type { Policies, Policy, PolicyHost } from './policies/index.ts'
import { isOwnAccepting, type PolicyName } from './policies/names.ts'
import { NOTHING_WAITING, type Waiting } from './waiting.ts'

/** What the stats say of the device. */
export interface DeviceFacts {
  /** none: the workers accept for themselves. */
  readonly kind: 'dlb' | 'software' | 'none'
  readonly id: number
  readonly version: string
  /** Why this device and not another. */
  readonly reason: string
  /** Whether it took the place of a DLB device that could not be had, or has failed. */
  readonly fallback: boolean
}

/** What a domain needs from the balancer. */
export interface DomainHost {
  readonly policies: PolicyHost
  readonly progress: Progress
  readonly workers: Messenger
  /** The device has failed. It is called once, on a later turn of the loop. */
  deviceFailed(error: NodeDlbError): void
}

/** Sends messages to workers. */
export interface Messenger {
  post(worker: number, message: ToWorker): void
}

/** Takes the connections that no worker is linked to. */
export interface Receiver {
  takeBack(connections: readonly Connection[]): void
}

export interface ConnectionDomainParts {
  readonly device: Device
  readonly facts: DeviceFacts
  readonly policies: Policies
  /** The policy that all listeners have; null if each has its own. */
  readonly only: PolicyName | null
  readonly options: ResolvedOptions
  readonly host: DomainHost
}

const BATCH = 64

/**
 * The scheduling domain that connections travel in: consumer ports for the workers, and main's
 * port, which sends connections and receives those that no worker is linked to. It is made once,
 * and replaced as a whole when the device fails.
 *
 * Under `nop`, the workers accept for themselves. What main still has to deal then (connections of
 * a device that has failed, or of a worker that has ended while it accepted) goes through the
 * workers' directed queues, like everything else: the domain is one of the software device, and has
 * only directed ports.
 *
 * A domain for load-balanced policies alone has no directed ports. They would be needed only for
 * listeners without a queue (see QueuePool) and for those under `nop`, and a DLB device has few of
 * them, and on DLB 2.0 a small credit pool of their own, which other processes want. Such
 * connections go to their worker as messages (`#post`). Policies, dealer and worker do not see the
 * difference.
 *
 * Main thread. No method throws for a device that fails: it does nothing then, and the host's
 * `deviceFailed` is called.
 */
export class ConnectionDomain {
  readonly device: DeviceFacts
  readonly policies: Policies
  /** The load-balanced queues for listeners: no more than a port has links. */
  readonly queues: readonly QueueId[]
  /** By worker, for policies that address workers. */
  readonly directQueues: readonly QueueId[]
  readonly #only: PolicyName | null
  readonly #device: Device
  readonly #host: DomainHost
  readonly #plan: DomainPlan
  readonly #domain: SchedulingDomain
  readonly #ports: DomainPorts
  /** Main's. */
  readonly #port: Port
  readonly #events: EventBuffer
  /** Holds what waits at a worker. */
  readonly #peeked: EventBuffer
  /** null if the device does not fail. */
  readonly #probe: DeviceProbe | null = null
  #receiver: Receiver | null = null
  /** The device has failed, or the domain is closed: calls do nothing. */
  #over = false

  /**
   * Takes over the device.
   * @throws ERR_DLB_NO_RESOURCES, ERR_DLB_DEVICE_FAILED; everything is undone then, and the device
   *   closed.
   */
  constructor({ device, facts, policies, only, options, host }: ConnectionDomainParts) {
    this.device = facts
    this.policies = policies
    this.#only = only
    this.#device = device
    this.#host = host
    const undo: (() => void)[] = [() => device.close()]
    try {
      this.#plan = planDomain(device, options, policies)
      this.#domain = device.createDomain(this.#plan.config)
      undo.push(() => this.#domain.close())
      this.#ports = createPorts(this.#domain, this.#plan, options)
      this.queues = this.#ports.queues
      // Without directed ports, the number of the worker.
      this.directQueues = this.#ports.workers.map(({ directed }, id) =>
        directQueueOf(directed ?? { kind: 'directed', id }),
      )
      this.#domain.start()
      this.#port = this.#domain.attachPort(this.#ports.main)
      this.#events = this.#domain.createEvents(BATCH)
      this.#peeked = this.#domain.createEvents(this.#ports.cqDepth)
      if (device.kind === 'dlb') this.#probe = this.#createProbe()
      undo.push(() => this.#probe?.stop())
      this.#probe?.checkStart()
      this.#probe?.watch()
      this.#port.onReadable(() => this.#try(() => this.#receive(), undefined))
      // The workers hold the loop open.
      this.#port.unref()
      if (device.kind === 'dlb') this.#watch(this.#domain as DlbDomain)
    } catch (error) {
      for (const step of undo.reverse()) quietly(step)
      throw error
    }
  }

  /** Connections that no worker is linked to go to this receiver from now on. */
  returnTo(receiver: Receiver): void {
    this.#receiver = receiver
  }

  /** The policy of a listener that wants this one. After a failure it can be another. */
  policyFor(wanted: PolicyName): Policy {
    return this.policies.get(this.#only ?? wanted)
  }

  createEvents(): EventBuffer {
    return this.#domain.createEvents(BATCH)
  }

  /**
   * As a port's. The events are of one policy, so either all of them address workers or none does.
   */
  send(events: EventBuffer, count: number): number {
    if (!this.#plan.directed && events.schedulingType(0) === SchedulingType.directed) return this.#post(events, count)
    return this.#try(() => this.#port.send(events, count), 0)
  }

  /**
   * Whether workers share what the device can count, so that each has to know how many they are.
   */
  get sharesInFlightLimit(): boolean {
    const { perWorker, total } = this.#ports.limits
    return perWorker > 0 && total !== Number.POSITIVE_INFINITY
  }

  /** What the worker needs to know. `workers`: how many have a thread, this one included. */
  linkFor(worker: number, workers: number): DomainLink {
    const { queues, limits } = this.#ports
    return { token: this.#domain.share(), ...this.#ports.workers[worker], queues, limits, workers }
  }

  /**
   * The worker's thread has ended. @returns what its ports held; the ledger knows which of it was
   * adopted.
   */
  recoverFrom(worker: number): Connection[] {
    const recovered: Connection[] = []
    for (const port of portsOf(this.#ports.workers[worker])) this.#try(() => this.#recover(port, recovered), undefined)
    return recovered
  }

  /**
   * Whether the device deals to the worker; at first it does. What it has been dealt already stays
   * there. Directed queues are not touched: the policies that address workers leave out those that
   * are not eligible.
   */
  setEligible(worker: number, eligible: boolean): void {
    const { balanced: port } = this.#ports.workers[worker]
    if (!port) return
    this.#try(() => (eligible ? this.#domain.enablePort(port) : this.#domain.disablePort(port)), undefined)
  }

  /**
   * @returns what waits in the worker's consumer queues, oldest first, up to `wanted` of each. The
   *   worker may just be receiving it.
   */
  waitingAt(worker: number, wanted: number = this.#ports.cqDepth): Waiting {
    const { balanced, directed } = this.#ports.workers[worker]
    const most = Math.min(wanted, this.#ports.cqDepth)
    const peek = (): Waiting => ({ balanced: this.#peek(balanced, most), directed: this.#peek(directed, most) })
    return this.#try(peek, NOTHING_WAITING)
  }

  /** The queue is no listener's any more: from here on, what is in it comes back to main. */
  reclaim(queue: QueueId): void {
    this.#try(() => this.#port.link(queue), undefined)
  }

  /** The queue is a listener's again. */
  stopReclaiming(queue: QueueId): void {
    this.#try(() => this.#port.unlink(queue), undefined)
  }

  counts(): DomainCounts {
    const none = { creditsFree: 0, queued: 0, byWorker: this.#ports.workers.map(() => 0) }
    const counts = this.#try(() => countConnections(this.#domain, this.#ports), none)
    // Without a device, as the stats have it, nothing has credits.
    return this.device.kind === 'none' ? { ...counts, creditsFree: 0 } : counts
  }

  close(): void {
    this.#over = true
    this.#probe?.stop()
    try {
      this.#domain.close()
    } finally {
      this.#device.close()
    }
  }

  /**
   * Sends connections to their workers as messages. If a worker's thread has ended by then, the
   * ledger says what it was sent.
   * @returns how many, which is all
   */
  #post(events: EventBuffer, count: number): number {
    for (let i = 0; i < count; i++) {
      this.#host.workers.post(events.queueId(i), { type: 'connection', connection: connectionAt(events, i) })
    }
    return count
  }

  /**
   * A load-balanced port is disabled first, so that its queues' events go to others. A directed one
   * has its queue to itself: nobody sends to it any more, and what is in it comes out through the
   * port, as long as that is enabled.
   */
  #recover(port: PortId, recovered: Connection[]): void {
    if (port.kind === 'load-balanced') this.#domain.disablePort(port)
    for (;;) {
      const count = this.#domain.recover(port, this.#events, BATCH)
      if (count === 0) break
      recovered.push(...connectionsIn(this.#events, count))
    }
    // For the next thread. Without links it gets nothing.
    if (port.kind === 'load-balanced') this.#domain.enablePort(port)
  }

  #peek(port: PortId | null, most: number): readonly Connection[] {
    const count = port === null ? 0 : this.#domain.peek(port, this.#peeked, most)
    return count === 0 ? NOTHING_WAITING.balanced : connectionsIn(this.#peeked, count)
  }

  #receive(): void {
    const count = this.#port.receive(this.#events, BATCH)
    if (count === 0) return
    if (this.#port.id.kind === 'load-balanced') this.#port.release(count)
    const received = connectionsIn(this.#events, count).filter((_, i) => !this.#probe?.take(this.#events, i))
    if (received.length > 0) this.#receiver?.takeBack(received)
  }

  #createProbe(): DeviceProbe {
    return new DeviceProbe({
      port: this.#port as DlbPort,
      queue: this.#ports.probeQueue,
      events: this.#domain.createEvents(1),
      receive: () => this.#receive(),
      flow: this.#progress(),
      onFailure: (error) => this.#fail(error),
    })
  }

  /**
   * Where workers accept for some listeners, that they adopt does not say that the device works.
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

  #watch(domain: DlbDomain): void {
    domain.onAlert(({ type }) => {
      if (type === 'device-reset') this.#fail(new NodeDlbError('ERR_DLB_DEVICE_FAILED', 'the device was reset'))
    })
  }

  #try<T>(call: () => T, otherwise: T): T {
    if (this.#over) return otherwise
    try {
      return call()
    } catch (error) {
      // The software device does not fail: what it throws is a bug.
      if (!(error instanceof NodeDlbError) || this.#domain.kind !== 'dlb') throw error
      this.#fail(error)
      return otherwise
    }
  }

  #fail(error: NodeDlbError): void {
    if (this.#over) return
    this.#over = true
    this.#probe?.stop()
    queueMicrotask(() => this.#host.deviceFailed(error))
  }
}

function connectionsIn(events: EventBuffer, count: number): Connection[] {
  return Array.from({ length: count }, (_, i) => connectionAt(events, i))
}

function connectionAt(events: EventBuffer, i: number): Connection {
  return { listener: events.data16(i), fd: events.data64Low(i), stamp: events.data64High(i) }
}

function quietly(step: () => void): void {
  try {
    step()
  } catch {
    // The failure that made us undo it has been told.
  }
}
