import type { Device, DeviceKind, DomainConfig, Port, PortId, QueueId, SchedulingDomain } from '../../device/device.ts'
import type { DlbDomain, DlbPort } from '../../device/dlb/types.ts'
import type { EventBuffer } from '../../device/event-buffer.ts'
import { NodeDlbError } from '../../errors.ts'
import { deepestQueue, type InFlightLimits } from '../../ledger/in-flight-limits.ts'
import type { Connection } from '../../ledger/ledger.ts'
import type { DeviceLink } from '../../protocol.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { DeviceProbe } from './device-probe.ts'
import type { DeviceFacts, Fabric, FabricCounts, FabricHooks, FabricParts } from './fabric.ts'
import { giveAll } from './giving.ts'
import type { Policies, Policy } from './policies/index.ts'
import { isLoadBalanced, isOwnAccepting, type PolicyName } from './policies/names.ts'
import { NOTHING_WAITING, type Waiting } from './waiting.ts'

/**
 * As many as a port has links: see QueuePool. On a DLB device, one of them is for probes, so that
 * the acceptor's port has a link left for it.
 */
const QUEUES = 8
/**
 * At most so many connections wait at one worker: measured to keep the tails low when a worker is
 * stuck.
 */
const WORKER_CQ_DEPTH = 8
/**
 * With least-connections: a worker whose consumer queue is full gets none, though it has the
 * fewest, so bursts have to fit. But what is in there has no priority any more.
 */
const COUNTING_CQ_DEPTH = 256
/** Adopted, and not complete before the worker's loop has come round: see DeviceCompletions. */
const ADOPTED_ENTRIES = 8
const WORKER_ENTRIES = WORKER_CQ_DEPTH + ADOPTED_ENTRIES
const ACCEPTOR_CQ_DEPTH = 64
const CREDITS_PER_WORKER = 64
const BASE_CREDITS = 320
const BATCH = 64
/**
 * Of the credits that the device has left, a domain does not use so many: a DLB device that stops
 * with all of them in its queues could not be probed, and would not be found out.
 */
const KEPT_FOR_PROBE = { software: 0, dlb: 1 }
/**
 * Of a worker, for the connections that least-connections counts; a DLB device has 2,048, and other
 * processes want some.
 */
const MAX_COUNTED = { software: 4096, dlb: 256 }

/**
 * A scheduling domain with a consumer port for each worker, and the acceptor's port, which sends
 * connections and receives what nobody else will. All of it is made before the start: a started
 * domain is fixed.
 *
 * It asks the device for what the workers and the policy need, and no more: other processes want
 * the rest.
 *
 *     load-balanced policies   8 queues, of which a DLB device has one for probes, a load-balanced port for each worker with 16
 *                              event-state entries, and the acceptor's with 64
 *     least-connections        for each worker 4,096 entries more, on a DLB device 256, or its share of what is free;
 *                              how many of them can be used at a time is in in-flight-limits.ts
 *     directed policies        a directed port with its queue for each worker, and if there are no others for the acceptor
 *     all                      64 credits for each worker and 320, or what the device has left but the one for probes
 */
export class DeviceFabric implements Fabric {
  readonly device: DeviceFacts
  readonly policies: Policies
  readonly queues: readonly QueueId[]
  readonly directQueues: readonly QueueId[]
  readonly #only: PolicyName | null
  readonly #device: Device
  readonly #domain: SchedulingDomain
  readonly #port: Port
  /** By worker. */
  readonly #workerPorts: readonly WorkerPorts[]
  readonly #plan: DomainPlan
  readonly #limits: InFlightLimits
  /** Of the workers' load-balanced ports. */
  readonly #cqDepth: number
  readonly #events: EventBuffer
  /** For what waits at a worker. */
  readonly #seen: EventBuffer
  readonly #hooks: FabricHooks
  /** null: the device does not fail. */
  readonly #probe: DeviceProbe | null = null
  /** It has failed, or is closed: the rest is done quietly. */
  #over = false

  /**
   * Takes the device.
   * @throws ERR_DLB_NO_RESOURCES, ERR_DLB_DEVICE_FAILED; everything is undone then, and the device
   *   closed.
   */
  constructor({ device, policies, only, options, hooks, fallback }: FabricParts & { readonly device: Device }) {
    const { kind, id, version, reason } = device
    this.device = { kind, id, version, reason, fallback }
    this.policies = policies
    this.#only = only
    this.#device = device
    this.#hooks = hooks
    const undo: (() => void)[] = [() => device.close()]
    try {
      this.#plan = planDomain(device, options, policies)
      this.#domain = device.createDomain(this.#plan.config)
      undo.push(() => this.#domain.close())
      const queues = Array.from({ length: this.#plan.queues }, () => this.#domain.createLoadBalancedQueue())
      this.queues = kind === 'dlb' ? queues.slice(1) : queues
      const limit = Math.min(...queues.map((queue) => this.#domain.inFlightLimit(queue)))
      this.#cqDepth = cqDepthFor(this.#plan, limit, options)
      this.#limits = { perWorker: this.#plan.counted, total: limit, reserved: this.#cqDepth + ADOPTED_ENTRIES }
      const acceptor = this.#createAcceptorPort()
      this.#workerPorts = Array.from({ length: options.slots }, () => this.#createWorkerPorts())
      // A directed port consumes the queue with its own id.
      this.directQueues = this.#workerPorts.flatMap(({ directed }) =>
        directed ? [{ kind: 'directed', id: directed.id }] : [],
      )
      this.#domain.start()
      this.#port = this.#domain.attachPort(acceptor)
      this.#events = this.#domain.createEvents(BATCH)
      this.#seen = this.#domain.createEvents(this.#cqDepth)
      if (kind === 'dlb') this.#probe = this.#createProbe(queues.at(0))
      undo.push(() => this.#probe?.stop())
      this.#probe?.checkStart()
      this.#probe?.watch()
      this.#port.onReadable(() => this.#receive())
      // The workers hold the loop open.
      this.#port.unref()
      if (kind === 'dlb') this.#watch(this.#domain as DlbDomain)
    } catch (error) {
      for (const step of undo.reverse()) quietly(step)
      throw error
    }
  }

  policyFor(wanted: PolicyName): Policy {
    return this.policies.get(this.#only ?? wanted)
  }

  createEvents(): EventBuffer {
    return this.#domain.createEvents(BATCH)
  }

  send(events: EventBuffer, count: number): number {
    return this.#try(() => this.#port.send(events, count), 0)
  }

  get sharesInFlightLimit(): boolean {
    const { perWorker, total } = this.#limits
    return perWorker > 0 && total !== Number.POSITIVE_INFINITY
  }

  give(events: EventBuffer, count: number): number {
    return giveAll(events, count, this.#hooks.give)
  }

  linkFor(worker: number, workers: number): DeviceLink {
    const { balanced, directed } = this.#workerPorts[worker]
    const { queues } = this
    return { domain: this.#domain.share(), balanced, directed, queues, limits: this.#limits, workers }
  }

  /**
   * A load-balanced port is disabled first, so that its queues' events go to others. A directed one
   * has its queue to itself: nobody sends to it any more, and what is in it comes out through the
   * port, as long as that is enabled.
   */
  recover(worker: number): void {
    for (const port of portsOf(this.#workerPorts[worker])) this.#try(() => this.#recover(port), undefined)
  }

  /**
   * Directed queues are not touched: the policies that address workers leave out those that are not
   * eligible.
   */
  setEligible(worker: number, eligible: boolean): void {
    const { balanced: port } = this.#workerPorts[worker]
    if (!port) return
    this.#try(() => (eligible ? this.#domain.enablePort(port) : this.#domain.disablePort(port)), undefined)
  }

  waitingAt(worker: number, wanted: number = this.#cqDepth): Waiting {
    const { balanced, directed } = this.#workerPorts[worker]
    const most = Math.min(wanted, this.#cqDepth)
    const peek = (): Waiting => ({ balanced: this.#peek(balanced, most), directed: this.#peek(directed, most) })
    return this.#try(peek, NOTHING_WAITING)
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
    this.#probe?.stop()
    try {
      this.#domain.close()
    } finally {
      this.#device.close()
    }
  }

  #createAcceptorPort(): PortId {
    const cqDepth = ACCEPTOR_CQ_DEPTH
    if (this.#plan.queues > 0) return this.#domain.createLoadBalancedPort({ cqDepth })
    return this.#domain.createDirectedPort({ cqDepth })
  }

  #createWorkerPorts(): WorkerPorts {
    const { queues, addressesWorkers, counted } = this.#plan
    const cqDepth = this.#cqDepth
    const eventStateEntries = WORKER_ENTRIES + counted
    return {
      balanced: queues > 0 ? this.#domain.createLoadBalancedPort({ cqDepth, eventStateEntries }) : null,
      directed: addressesWorkers ? this.#domain.createDirectedPort({ cqDepth: WORKER_CQ_DEPTH }) : null,
    }
  }

  #recover(port: PortId): void {
    if (port.kind === 'load-balanced') this.#domain.disablePort(port)
    for (;;) {
      const count = this.#domain.recover(port, this.#events, BATCH)
      if (count === 0) break
      this.#hooks.onRecovered(connectionsIn(this.#events, count))
    }
    // For the next thread. Without links it gets nothing.
    if (port.kind === 'load-balanced') this.#domain.enablePort(port)
  }

  #peek(port: PortId | null, most: number): readonly Connection[] {
    const count = port === null ? 0 : this.#domain.peek(port, this.#seen, most)
    return count === 0 ? NOTHING_WAITING.balanced : connectionsIn(this.#seen, count)
  }

  #count(): FabricCounts {
    const { creditsFree, queues, ports } = this.#domain.stats()
    const depthOf = (id: PortId): number => queues.find(({ queue }) => same(queue, id))?.depth ?? 0
    return {
      creditsFree,
      queued: queues.reduce(
        (sum, { queue, depth }) => (this.queues.some((each) => same(each, queue)) ? sum + depth : sum),
        0,
      ),
      byWorker: this.#workerPorts.map((ids) =>
        portsOf(ids).reduce((sum, id) => {
          const inPort = ports.find(({ port }) => same(port, id))?.queued ?? 0
          return sum + (id.kind === 'directed' ? inPort + depthOf(id) : inPort)
        }, 0),
      ),
    }
  }

  #receive(): void {
    this.#try(() => this.#take(), undefined)
  }

  #take(): void {
    const count = this.#port.receive(this.#events, BATCH)
    if (count === 0) return
    if (this.#port.id.kind === 'load-balanced') this.#port.release(count)
    const taken = connectionsIn(this.#events, count).filter((_, i) => !this.#probe?.take(this.#events, i))
    if (taken.length > 0) this.#hooks.onTaken(taken)
  }

  /** Where only directed policies are in use, the acceptor's port has its queue to itself. */
  #createProbe(balanced: QueueId | undefined): DeviceProbe {
    return new DeviceProbe({
      port: this.#port as DlbPort,
      queue: balanced ?? this.#port.id,
      events: this.#domain.createEvents(1),
      receive: () => this.#take(),
      flow: this.#flow(),
      onFailure: (error) => this.#fail(error),
    })
  }

  /**
   * Where workers accept for some listeners, that they adopt does not say that the device works.
   */
  #flow(): FabricHooks['flow'] {
    const { flow } = this.#hooks
    if (!this.policies.names().some(isOwnAccepting)) return flow
    return {
      get inFlight() {
        return flow.inFlight
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
      if (!(error instanceof NodeDlbError) || this.device.kind !== 'dlb') throw error
      this.#fail(error)
      return otherwise
    }
  }

  #fail(error: NodeDlbError): void {
    if (this.#over) return
    this.#over = true
    this.#probe?.stop()
    queueMicrotask(() => this.#hooks.onFailure(error))
  }
}

interface WorkerPorts {
  readonly balanced: PortId | null
  readonly directed: PortId | null
}

interface DomainPlan {
  readonly config: DomainConfig
  /** Load-balanced ones; 0 if no policy uses them. */
  readonly queues: number
  readonly addressesWorkers: boolean
  /** Of each worker: open connections that the device can count. */
  readonly counted: number
}

function planDomain(device: Device, options: ResolvedOptions, policies: Policies): DomainPlan {
  const { slots: workers } = options
  const names = policies.names()
  const balanced = names.some(isLoadBalanced)
  const addressesWorkers = names.some((name) => !isLoadBalanced(name) && !isOwnAccepting(name))
  const free = device.resources()
  const waiting = balanced ? workers * WORKER_ENTRIES + ACCEPTOR_CQ_DEPTH : 0
  const share = Math.max(0, Math.floor((free.eventStateEntries - waiting) / workers))
  const counted = names.includes('least-connections') ? Math.min(MAX_COUNTED[device.kind], share) : 0
  const config = {
    loadBalancedQueues: balanced ? QUEUES : 0,
    loadBalancedPorts: balanced ? workers + 1 : 0,
    directedPorts: addressesWorkers ? workers + (balanced ? 0 : 1) : 0,
    eventStateEntries: waiting + workers * counted,
    credits: creditsOf(device.kind, free.credits, options),
  }
  return { config, queues: config.loadBalancedQueues, addressesWorkers, counted }
}

/**
 * What is wanted, or without a wish what there is. If there is too little, so much that the device
 * refuses it.
 */
function creditsOf(kind: DeviceKind, free: number, { credits, slots }: ResolvedOptions): number {
  const most = free - KEPT_FOR_PROBE[kind]
  if (most < 1) return free + 1
  if (credits !== undefined && credits > free) return credits
  return Math.min(credits ?? BASE_CREDITS + slots * CREDITS_PER_WORKER, most)
}

/** Of the workers' load-balanced ports. */
function cqDepthFor({ counted }: DomainPlan, limit: number, { slots, listeners }: ResolvedOptions): number {
  if (listeners.hasPriorities) return WORKER_CQ_DEPTH
  const most = Math.min(COUNTING_CQ_DEPTH, counted)
  return deepestQueue(limit, slots, ADOPTED_ENTRIES, WORKER_CQ_DEPTH, most)
}

function connectionsIn(events: EventBuffer, count: number): Connection[] {
  return Array.from({ length: count }, (_, i) => ({
    listener: events.data16(i),
    fd: events.data64Low(i),
    stamp: events.data64High(i),
  }))
}

function portsOf({ balanced, directed }: WorkerPorts): PortId[] {
  return [balanced, directed].filter((port) => port !== null)
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
