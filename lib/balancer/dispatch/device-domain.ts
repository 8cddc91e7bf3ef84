import type { Device, Port, PortId, QueueId, SchedulingDomain } from '../../device/device.ts'
import type { DlbDomain, DlbPort } from '../../device/dlb/types.ts'
import type { EventBuffer } from '../../device/event-buffer.ts'
import { NodeDlbError } from '../../errors.ts'
import type { Connection } from '../../ledger/ledger.ts'
import type { DomainLink } from '../../protocol.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { DeviceProbe, type ProbedDomain, type Progress } from './device-probe.ts'
import { countConnections, type DomainCounts } from './domain-counts.ts'
import { type DomainPlan, planDomain } from './domain-plan.ts'
import { createPorts, type DomainPorts, directedQueueOf, portsOf } from './domain-ports.ts'
import type { Policies } from './policies/index.ts'
import { NOTHING_WAITING, type Waiting } from './waiting.ts'

/** The connection domain that a device domain is part of. */
export interface DeviceDomainOwner {
  readonly progress: Progress
  /**
   * Called with connections that have come to main's port, because no worker is linked to their
   * queue.
   */
  received(connections: readonly Connection[]): void
  /**
   * Called when a call of the device has thrown. @throws `error` if it is a bug rather than a
   * failure of a device
   */
  failed(error: unknown): void
}

/** The number of events in main's buffers. */
export const BATCH = 64

/**
 * The scheduling domain of a queue device: the workers' consumer ports, and main's port.
 *
 * Main thread. The methods throw what the device throws.
 */
export class DeviceDomain implements ProbedDomain {
  /** By worker; null if the domain has no directed ports. */
  readonly directedQueues: readonly QueueId[] | null
  readonly #device: Device
  readonly #owner: DeviceDomainOwner
  readonly #plan: DomainPlan
  readonly #domain: SchedulingDomain
  readonly #ports: DomainPorts
  /** Main's port. */
  readonly #port: Port
  readonly #events: EventBuffer
  /** The events that `waitingAt` copies. */
  readonly #peeked: EventBuffer
  /** null if the device does not fail. */
  readonly #probe: DeviceProbe | null = null
  #stopped = false

  /**
   * Takes over the device.
   * @throws ERR_DLB_NO_RESOURCES, ERR_DLB_DEVICE_FAILED; then everything is undone and the device
   *   closed
   */
  constructor(device: Device, policies: Policies, options: ResolvedOptions, owner: DeviceDomainOwner) {
    this.#device = device
    this.#owner = owner
    const undo: (() => void)[] = [() => device.close()]
    try {
      this.#plan = planDomain(device, options, policies)
      this.#domain = device.createDomain(this.#plan.config)
      undo.push(() => this.#domain.close())
      this.#ports = createPorts(this.#domain, this.#plan, options)
      const directed = this.#ports.workers.flatMap((ports) => ports.directed ?? [])
      this.directedQueues = this.#plan.directed ? directed.map(directedQueueOf) : null
      this.#domain.start()
      this.#port = this.#domain.attachPort(this.#ports.main)
      this.#events = this.#domain.createEvents(BATCH)
      this.#peeked = this.#domain.createEvents(this.#ports.cqDepth)
      if (device.kind === 'dlb') this.#probe = this.#createProbe()
      undo.push(() => this.#probe?.stop())
      this.#probe?.checkStart()
      this.#probe?.watch()
      this.#port.onReadable(() => this.#onReadable())
      // The workers keep the loop alive.
      this.#port.unref()
      if (device.kind === 'dlb') this.#watch(this.#domain as DlbDomain)
    } catch (error) {
      for (const step of undo.reverse()) quietly(step)
      throw error
    }
  }

  /** The load-balanced queues for listeners: no more than a port has links. */
  get queues(): readonly QueueId[] {
    return this.#ports.queues
  }

  createEvents(): EventBuffer {
    return this.#domain.createEvents(BATCH)
  }

  /** Sends events as a port does. @returns how many were taken */
  send(events: EventBuffer, count: number): number {
    return this.#port.send(events, count)
  }

  /**
   * Whether workers share the device's in-flight limit, so that each has to know how many they are.
   */
  get sharesInFlightLimit(): boolean {
    const { perWorker, total } = this.#ports.limits
    return perWorker > 0 && total !== Number.POSITIVE_INFINITY
  }

  linkFor(worker: number, workers: number): DomainLink {
    const { queues, limits } = this.#ports
    return { token: this.#domain.share(), ...this.#ports.workers[worker], queues, limits, workers }
  }

  /**
   * Takes the connections out of the port of a worker whose thread has ended, and adds them to
   * `recovered`.
   *
   * A load-balanced port is disabled first, so that its queues' events go to other ports. A
   * directed port has its queue to itself: nobody sends to that queue any more, and its events come
   * out through the port as long as the port is enabled.
   */
  recover(port: PortId, recovered: Connection[]): void {
    if (port.kind === 'load-balanced') this.#domain.disablePort(port)
    for (;;) {
      const count = this.#domain.recover(port, this.#events, BATCH)
      if (count === 0) break
      recovered.push(...connectionsIn(this.#events, count))
    }
    // The port is enabled for the next thread. It gets nothing before that, because it has no
    // links.
    if (port.kind === 'load-balanced') this.#domain.enablePort(port)
  }

  portsOf(worker: number): readonly PortId[] {
    return portsOf(this.#ports.workers[worker])
  }

  /** Sets whether the device deals to the worker. Directed queues are not affected. */
  setEligible(worker: number, eligible: boolean): void {
    const { balanced: port } = this.#ports.workers[worker]
    if (!port) return
    if (eligible) this.#domain.enablePort(port)
    else this.#domain.disablePort(port)
  }

  /**
   * @returns the connections that wait in the worker's consumer queues, oldest first, up to
   *   `wanted` of each
   */
  waitingAt(worker: number, wanted: number): Waiting {
    const { balanced, directed } = this.#ports.workers[worker]
    const most = Math.min(wanted, this.#ports.cqDepth)
    return { balanced: this.#peek(balanced, most), directed: this.#peek(directed, most) }
  }

  reclaim(queue: QueueId): void {
    this.#port.link(queue)
  }

  stopReclaiming(queue: QueueId): void {
    this.#port.unlink(queue)
  }

  counts(): DomainCounts {
    return countConnections(this.#domain, this.#ports)
  }

  get progress(): Progress {
    return this.#owner.progress
  }

  /** Receives what has come to main's port. */
  receive(): void {
    const count = this.#port.receive(this.#events, BATCH)
    if (count === 0) return
    if (this.#port.id.kind === 'load-balanced') this.#port.release(count)
    const received = connectionsIn(this.#events, count).filter((_, i) => !this.#probe?.take(this.#events, i))
    if (received.length > 0) this.#owner.received(received)
  }

  failed(error: NodeDlbError): void {
    this.#owner.failed(error)
  }

  /** Called when the device has failed: nothing is received from it any more. */
  stop(): void {
    this.#stopped = true
    this.#probe?.stop()
  }

  close(): void {
    this.stop()
    try {
      this.#domain.close()
    } finally {
      this.#device.close()
    }
  }

  #peek(port: PortId | null, most: number): readonly Connection[] {
    const count = port === null ? 0 : this.#domain.peek(port, this.#peeked, most)
    return count === 0 ? NOTHING_WAITING.balanced : connectionsIn(this.#peeked, count)
  }

  #onReadable(): void {
    if (this.#stopped) return
    try {
      this.receive()
    } catch (error) {
      this.#owner.failed(error)
    }
  }

  #createProbe(): DeviceProbe {
    return new DeviceProbe({
      domain: this,
      port: this.#port as DlbPort,
      queue: this.#ports.probeQueue,
      events: this.#domain.createEvents(1),
    })
  }

  #watch(domain: DlbDomain): void {
    domain.onAlert(({ type }) => {
      if (type !== 'device-reset') return
      this.failed(new NodeDlbError('ERR_DLB_DEVICE_FAILED', 'the device was reset'))
    })
  }
}

function connectionsIn(events: EventBuffer, count: number): Connection[] {
  return Array.from({ length: count }, (_, i) => connectionAt(events, i))
}

export function connectionAt(events: EventBuffer, i: number): Connection {
  return { listener: events.data16(i), fd: events.data64Low(i), stamp: events.data64High(i) }
}

function quietly(step: () => void): void {
  try {
    step()
  } catch {
    // The failure for which the step is undone has been reported.
  }
}
