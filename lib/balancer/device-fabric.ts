import type { Device, Port, PortId, QueueId, SchedulingDomain } from '../device/device.ts'
import type { DlbDomain } from '../device/dlb/types.ts'
import type { EventBuffer } from '../device/event-buffer.ts'
import { NodeDlbError } from '../errors.ts'
import type { DeviceLink } from '../worker/protocol.ts'
import type { DeviceFacts, Fabric, FabricCounts, FabricHooks, FabricParts } from './fabric.ts'
import type { Connection } from './ledger.ts'
import type { ResolvedOptions } from './options.ts'
import type { Policy } from './policies.ts'

/** A port has at most 8 links, so a worker can serve so many listeners; each has a queue of its own. */
const LISTENER_QUEUES = 8
/** At most so many connections wait at one worker: measured to keep the tails low when a worker is stuck. */
const WORKER_CQ_DEPTH = 8
const ACCEPTOR_CQ_DEPTH = 64
const CREDITS_PER_WORKER = 64
const BASE_CREDITS = 320
const BATCH = 64

/**
 * A scheduling domain with a consumer port for each worker, and the acceptor's port, which sends connections and
 * receives what nobody else will. All of it is made before the start: a started domain is fixed.
 *
 * It asks the device for what the workers and the policy need, and no more: other processes want the rest.
 *
 *     load-balanced policies   8 queues (listeners), workers + 1 load-balanced ports, 8 event-state entries for each worker
 *                              and 64 for the acceptor
 *     directed policies        workers + 1 directed ports, each with its queue
 *     both                     64 credits for each worker and 320, or what the device has left
 */
export class DeviceFabric implements Fabric {
  readonly device: DeviceFacts
  readonly policy: Policy
  readonly queues: readonly QueueId[] | null
  readonly directQueues: readonly QueueId[]
  readonly sharesSockets = false
  readonly #device: Device
  readonly #domain: SchedulingDomain
  readonly #port: Port
  readonly #workerPorts: readonly PortId[]
  readonly #events: EventBuffer
  readonly #hooks: FabricHooks
  /** It has failed, or is closed: the rest is done quietly. */
  #over = false

  /**
   * Takes the device.
   * @throws ERR_DLB_NO_RESOURCES, ERR_DLB_DEVICE_FAILED; everything is undone then, and the device closed.
   */
  constructor({ device, policy, options, hooks, fallback }: FabricParts & { readonly device: Device }) {
    const { kind, id, version, reason } = device
    this.device = { kind, id, version, reason, fallback }
    this.policy = policy
    this.#device = device
    this.#hooks = hooks
    const undo: (() => void)[] = [() => device.close()]
    try {
      this.#domain = createDomain(device, options, policy)
      undo.push(() => this.#domain.close())
      const balanced = policy.portKind === 'load-balanced'
      const queues = balanced ? LISTENER_QUEUES : 0
      this.queues = balanced ? Array.from({ length: queues }, () => this.#domain.createLoadBalancedQueue()) : null
      const acceptor = createPort(this.#domain, balanced, ACCEPTOR_CQ_DEPTH)
      const { workers } = options
      this.#workerPorts = Array.from({ length: workers }, () => createPort(this.#domain, balanced, WORKER_CQ_DEPTH))
      // A directed port consumes the queue with its own id.
      this.directQueues = balanced ? [] : this.#workerPorts.map(({ id }) => ({ kind: 'directed', id }))
      this.#domain.start()
      this.#port = this.#domain.attachPort(acceptor)
      this.#events = this.#domain.createEvents(BATCH)
      this.#port.onReadable(() => this.#receive())
      // The workers hold the loop open.
      this.#port.unref()
      if (kind === 'dlb') this.#watch(this.#domain as DlbDomain)
    } catch (error) {
      for (const step of undo.reverse()) quietly(step)
      throw error
    }
  }

  createEvents(): EventBuffer {
    return this.#domain.createEvents(BATCH)
  }

  send(events: EventBuffer, count: number): number {
    return this.#try(() => this.#port.send(events, count), 0)
  }

  linkFor(worker: number): DeviceLink {
    return { domain: this.#domain.share(), port: this.#workerPorts[worker], queues: this.queues ?? [] }
  }

  /**
   * A load-balanced port is disabled first, so that its queues' events go to others. A directed one has its queue to
   * itself: nobody sends to it any more, and what is in it comes out through the port, as long as that is enabled.
   */
  recover(worker: number): void {
    const port = this.#workerPorts[worker]
    this.#try(() => {
      if (port.kind === 'load-balanced') this.#domain.disablePort(port)
      for (;;) {
        const count = this.#domain.recover(port, this.#events, BATCH)
        if (count === 0) return
        this.#hooks.onTaken(this.#connections(count))
      }
    }, undefined)
  }

  drain(queue: QueueId): void {
    this.#try(() => this.#port.link(queue), undefined)
  }

  release(queue: QueueId): void {
    this.#try(() => this.#port.unlink(queue), undefined)
  }

  counts(): FabricCounts {
    const none = { creditsFree: 0, queued: 0, byWorker: this.#workerPorts.map(() => 0) }
    return this.#try(() => this.#count(), none)
  }

  close(): void {
    this.#over = true
    try {
      this.#domain.close()
    } finally {
      this.#device.close()
    }
  }

  #count(): FabricCounts {
    const { creditsFree, queues, ports } = this.#domain.stats()
    const depthOf = (id: PortId): number => queues.find(({ queue }) => same(queue, id))?.depth ?? 0
    return {
      creditsFree,
      queued: queues.reduce((sum, { queue, depth }) => (queue.kind === 'load-balanced' ? sum + depth : sum), 0),
      byWorker: this.#workerPorts.map((id) => {
        const inPort = ports.find(({ port }) => same(port, id))?.queued ?? 0
        return id.kind === 'directed' ? inPort + depthOf(id) : inPort
      }),
    }
  }

  #receive(): void {
    this.#try(() => {
      const count = this.#port.receive(this.#events, BATCH)
      if (count === 0) return
      if (this.#port.id.kind === 'load-balanced') this.#port.release(count)
      this.#hooks.onTaken(this.#connections(count))
    }, undefined)
  }

  #connections(count: number): Connection[] {
    const events = this.#events
    return Array.from({ length: count }, (_, i) => ({
      listener: events.data16(i),
      fd: events.data64Low(i),
      stamp: events.data64High(i),
    }))
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
      if (!(error instanceof NodeDlbError) || this.device.kind !== 'dlb') throw error
      this.#fail(error)
      return otherwise
    }
  }

  #fail(error: NodeDlbError): void {
    if (this.#over) return
    this.#over = true
    queueMicrotask(() => this.#hooks.onFailure(error))
  }
}

function createDomain(device: Device, { workers, credits }: ResolvedOptions, policy: Policy): SchedulingDomain {
  const balanced = policy.portKind === 'load-balanced'
  const wanted = credits ?? Math.min(BASE_CREDITS + workers * CREDITS_PER_WORKER, device.resources().credits)
  return device.createDomain({
    loadBalancedQueues: balanced ? LISTENER_QUEUES : 0,
    loadBalancedPorts: balanced ? workers + 1 : 0,
    directedPorts: balanced ? 0 : workers + 1,
    eventStateEntries: balanced ? workers * WORKER_CQ_DEPTH + ACCEPTOR_CQ_DEPTH : 0,
    credits: wanted,
  })
}

function createPort(domain: SchedulingDomain, balanced: boolean, cqDepth: number): PortId {
  return balanced ? domain.createLoadBalancedPort({ cqDepth }) : domain.createDirectedPort({ cqDepth })
}

function same(a: PortId, b: PortId): boolean {
  return a.kind === b.kind && a.id === b.id
}

function quietly(step: () => void): void {
  try {
    step()
  } catch {
    // The failure that made us undo it has been told.
  }
}
