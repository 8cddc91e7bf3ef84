import type { EventBuffer } from './event-buffer.ts'
import type { PortId, QueueId } from './ids.ts'

export type { PortId, QueueId, QueueKind } from './ids.ts'

/**
 * The queue device contract: libdlb's model in TypeScript's manners. The software device and the
 * DLB device both implement it, and test/conformance holds both to it.
 *
 * Order of calls: open a device; create a domain with a share of the device's resources; create its
 * queues and ports; attach the ports, each in the thread that will use it; link load-balanced ports
 * to queues; start; then send and receive. Links can change at any time; queues and ports cannot
 * once the domain has started.
 *
 * Threads: a Device and its domain configuration belong to the thread that opened the device. A
 * domain is used in another thread through `share()` and `attachDomain()`. A port belongs to the
 * one thread that attached it, until it detaches or its thread ends.
 */
export type DeviceKind = 'dlb' | 'software'

/** What the device can do; names follow libdlb's `dlb_dev_cap_t`. */
export interface Capabilities {
  /** Received events still carry the flow id that they were sent with. */
  readonly flowIdOnReceive: boolean
  /**
   * One credit pool serves load-balanced and directed events (DLB 2.5, software); else there are
   * two (DLB 2.0).
   */
  readonly combinedCredits: boolean
  /** Events may weigh more than one against a port's CQ (DLB 2.5). */
  readonly eventWeight: boolean
}

/** What is free now on a device, or what a domain asks of it. */
export interface Resources {
  domains: number
  loadBalancedQueues: number
  loadBalancedPorts: number
  /** Directed ports; each comes with one directed queue. */
  directedPorts: number
  /** Bound on all load-balanced events that ports hold uncompleted. */
  eventStateEntries: number
  /** Bound on all events that the domain holds queued: sent and not yet received. */
  credits: number
  /** Ordered queues that can exist. */
  sequenceNumberSlots: number
}

export interface Device {
  readonly kind: DeviceKind
  /** The n of /dev/dlb<n>; 0 for the software device. */
  readonly id: number
  readonly version: string
  /** Why this device and not another: one sentence, for logs and stats. */
  readonly reason: string
  readonly capabilities: Capabilities
  /** What is free now. */
  resources(): Resources
  /**
   * Takes the resources from the device and returns an empty, stopped domain.
   * @throws ERR_DLB_NO_RESOURCES, ERR_DLB_INVALID_ARGUMENT, ERR_DLB_CLOSED; nothing is taken then.
   */
  createDomain(config: DomainConfig): SchedulingDomain
  /** @throws ERR_DLB_IN_USE while a domain is open. A second call does nothing. */
  close(): void
}

export interface DomainConfig {
  /** 0–32; default 0. */
  readonly loadBalancedQueues?: number
  /** 0–64; default 0. */
  readonly loadBalancedPorts?: number
  /** 0–64; default 0. */
  readonly directedPorts?: number
  /** At least 1 per load-balanced port; default 64 for each. */
  readonly eventStateEntries?: number
  /** 1 and up; default 64 per port, plus 256. */
  readonly credits?: number
  /** Ordered queues in the domain; default 0, or as many as `sequenceNumbers` says. */
  readonly sequenceNumberSlots?: number
  /**
   * The `sequenceNumbers` of the ordered queues: 64, 128, 256, 512 or 1024 for all of them, or an
   * element for each. A DLB device divides its numbers before the domain is created, and has two
   * groups of 1,024, each for queues of one size. Default: as the device has them to give, which is
   * any on the software device, and on a DLB device 64 unless `setSequenceNumbers` has changed
   * that.
   */
  readonly sequenceNumbers?: number | readonly number[]
}

export interface LoadBalancedQueueOptions {
  /**
   * 0 (default): the queue takes unordered and atomic events. 64, 128, 256, 512 or 1024: it takes
   * ordered and atomic ones, and at most this many ordered events are between scheduling and
   * completion; see the domain's `sequenceNumbers`.
   */
  readonly sequenceNumbers?: number
}

export interface PortOptions {
  /** A power of two, 8–1024: at most so many events wait in the port's consumer queue. */
  readonly cqDepth: number
}

export interface LoadBalancedPortOptions extends PortOptions {
  /**
   * 1 and up, from the domain's: at most so many events are scheduled to the port and not released.
   * Default cqDepth.
   */
  readonly eventStateEntries?: number
}

export interface DirectedPortOptions extends PortOptions {
  /**
   * The directed queue that the port consumes; one that no port has yet. Default: a queue of its
   * own with the port's id.
   */
  readonly queue?: QueueId
}

/**
 * What `share()` returns and `attachDomain()` takes: plain data for `postMessage` or `workerData`.
 */
export interface DomainToken {
  readonly nodeDlbDomain: DeviceKind
  readonly [field: string]: unknown
}

export interface QueueStats {
  readonly queue: QueueId
  /** Events queued and not yet scheduled to a port. */
  readonly depth: number
}

export interface PortStats {
  readonly port: PortId
  /** The threadId that has it, or null. */
  readonly thread: number | null
  readonly enabled: boolean
  /** Events in its consumer queue. */
  readonly queued: number
  /** Events scheduled to it and not yet released: its load. Equals `queued` for a directed port. */
  readonly load: number
}

/** A snapshot, not atomic over its parts. */
export interface DomainStats {
  /** Credits that neither a queued event nor a port's allowance holds. */
  readonly creditsFree: number
  readonly queues: readonly QueueStats[]
  readonly ports: readonly PortStats[]
}

export interface SchedulingDomain {
  readonly kind: DeviceKind
  readonly id: number
  /**
   * Configuration: the creating thread only, before `start()`; else ERR_DLB_ALREADY_STARTED /
   * ERR_DLB_IN_USE.
   */
  createLoadBalancedQueue(options?: LoadBalancedQueueOptions): QueueId
  createDirectedQueue(): QueueId
  createLoadBalancedPort(options: LoadBalancedPortOptions): PortId
  createDirectedPort(options: DirectedPortOptions): PortId
  /**
   * How many events of a load-balanced queue the device has in flight at most: scheduled to ports,
   * in all together, and not complete. Beyond that, the queue's events wait for completions,
   * whatever room the ports have. Infinity: only the ports bound it. With sequence numbers, as many
   * as those; the software device holds only ordered events to them. Any thread.
   * @throws ERR_DLB_UNKNOWN_QUEUE
   */
  inFlightLimit(queue: QueueId): number
  /** Events can be sent from here on. @throws ERR_DLB_ALREADY_STARTED */
  start(): void
  /**
   * Takes a port for the calling thread. What waits in its consumer queue comes with it.
   * @throws ERR_DLB_PORT_ATTACHED, ERR_DLB_UNKNOWN_PORT, ERR_DLB_IN_USE (its last thread ended with
   *   events received and not released: take them with `recover` first)
   */
  attachPort(port: PortId): Port
  /**
   * Any thread. A disabled port gets nothing new; what is in its consumer queue can still be
   * received.
   */
  disablePort(port: PortId): void
  enablePort(port: PortId): void
  /**
   * Unlinks a port without a living thread from all queues, and takes back what it holds: first the
   * events that were received and not released, oldest first, then those in its consumer queue. The
   * events become the caller's, complete for the device: they hold no credit, no event-state entry,
   * and no place in an order or atomic flow. Call until it returns 0; the port can be attached
   * again then. Any thread, one at a time per port. A directed port gets further events from its
   * queue meanwhile, unless it is disabled first.
   * @returns how many events were written to the front of `events`.
   * @throws ERR_DLB_PORT_ATTACHED while the thread that has the port lives.
   */
  recover(port: PortId, events: EventBuffer, max: number): number
  /**
   * Copies what waits in a port's consumer queue, oldest first, and leaves it there. Any thread,
   * whoever has the port: it may be receiving the same events at that moment.
   * @returns how many events were written to the front of `events`, at most `max`.
   */
  peek(port: PortId, events: EventBuffer, max: number): number
  /** A buffer of `length` (1–65,536) events for this domain's ports. */
  createEvents(length: number): EventBuffer
  share(): DomainToken
  stats(): DomainStats
  /**
   * In the creating thread: ends the domain and gives its resources back; ports in other threads
   * throw ERR_DLB_CLOSED from then on, and events still queued are gone. Elsewhere: detaches this
   * thread's ports and lets go. A second call does nothing.
   */
  close(): void
}

/**
 * One thread's access to the device. All counts are of events; `events` is read or written from its
 * index 0. All methods throw ERR_DLB_PORT_DETACHED after detach, and ERR_DLB_CLOSED once the domain
 * is closed, but for `detach`, `ref` and `unref`, which do nothing then.
 */
export interface Port {
  readonly id: PortId
  /**
   * Enqueues `count` events, in array order, each to the queue that it names.
   * @returns how many were taken, 0…count; the caller still owns the rest. Fewer when credits run
   *   out, or are not at hand because other threads use the device just now; that is not an error:
   *   try again, as soon as the next turn of the loop.
   * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_UNKNOWN_QUEUE, ERR_DLB_WRONG_SCHEDULING,
   *   ERR_DLB_FOREIGN_BUFFER, ERR_DLB_NOT_STARTED; nothing was sent then.
   */
  send(events: EventBuffer, count: number, offset?: number): number
  /**
   * As `send`, and each event also completes the oldest event received and not yet released; an
   * ordered event's successor takes its place in the order. Load-balanced ports; on a directed port
   * it is `send`.
   * @throws also ERR_DLB_RELEASE_EXCEEDED
   */
  forward(events: EventBuffer, count: number, offset?: number): number
  /**
   * Takes up to `max` events from the consumer queue and returns their tokens. @returns how many, 0
   * if empty.
   */
  receive(events: EventBuffer, max: number): number
  /**
   * Completes the `count` oldest events received and not yet released.
   * @throws ERR_DLB_RELEASE_EXCEEDED (also on a directed port, which owes nothing),
   *   ERR_DLB_INVALID_ARGUMENT
   */
  release(count: number): void
  /** Received and neither released nor forwarded. */
  readonly unreleased: number
  /**
   * Calls back on this thread's loop while the consumer queue is not empty (level-triggered: again
   * on a later turn of the loop if the callback left something). Holds the loop open unless
   * `unref`'d. null stops it.
   */
  onReadable(callback: (() => void) | null): void
  ref(): void
  unref(): void
  /**
   * Load-balanced ports; at most 8 links each; priority 0 (first) to 7. Linking again changes the
   * priority.
   */
  link(queue: QueueId, priority?: number): void
  /** What is in the consumer queue stays; other ports get the queue's further events. */
  unlink(queue: QueueId): void
  enable(): void
  disable(): void
  /**
   * Gives the port up; what it holds stays for the next to attach it, or for `recover`. A second
   * call does nothing.
   */
  detach(): void
}
