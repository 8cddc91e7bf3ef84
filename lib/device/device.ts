import type { EventBuffer } from './event-buffer.ts'
import type { PortId, QueueId } from './ids.ts'

export type { PortId, QueueId, QueueKind } from './ids.ts'

/**
 * The queue device contract: libdlb's model as a TypeScript API. The software device and the DLB
 * device both implement it, and test/conformance tests both against it.
 *
 * Order of calls: open a device; create a domain with a share of the device's resources; create its
 * queues and ports; attach each port in the thread that will use it; link load-balanced ports to
 * queues; start; then send and receive. Links can change at any time. Queues and ports cannot
 * change once the domain has started.
 *
 * Threads: a Device and the configuration of its domains belong to the thread that opened the
 * device. Another thread uses a domain through `share()` and `attachDomain()`. A port belongs to
 * the one thread that attached it, until the thread detaches it or ends.
 */
export type DeviceKind = 'dlb' | 'software'

/** What the device can do. The names follow libdlb's `dlb_dev_cap_t`. */
export interface Capabilities {
  /** Received events still have the flow id that they were sent with. */
  readonly flowIdOnReceive: boolean
  /**
   * True if one credit pool serves load-balanced and directed events (DLB 2.5, software); false if
   * each kind has its own pool (DLB 2.0).
   */
  readonly combinedCredits: boolean
  /** Events may count as more than one against a port's CQ (DLB 2.5). */
  readonly eventWeight: boolean
}

/** The resources that a device has free now, or that a domain asks for. */
export interface Resources {
  domains: number
  loadBalancedQueues: number
  loadBalancedPorts: number
  /** Directed ports. Each comes with one directed queue. */
  directedPorts: number
  /** The most load-balanced events that the ports together can hold uncompleted. */
  eventStateEntries: number
  /** The most events that the domain can hold queued: sent and not yet received. */
  credits: number
  /** The number of ordered queues. */
  sequenceNumberSlots: number
}

export interface Device {
  readonly kind: DeviceKind
  /** The n of /dev/dlb<n>; 0 for the software device. */
  readonly id: number
  readonly version: string
  /** The reason for which this device was chosen: one sentence, for logs and stats. */
  readonly reason: string
  readonly capabilities: Capabilities
  /** The resources that are free now. */
  resources(): Resources
  /**
   * Takes the resources from the device and returns an empty domain that has not started.
   * @throws ERR_DLB_NO_RESOURCES, ERR_DLB_INVALID_ARGUMENT, ERR_DLB_CLOSED; then nothing was taken
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
  /** At least 1; default 64 per port, plus 256. */
  readonly credits?: number
  /**
   * The number of ordered queues in the domain. Default: the number that `sequenceNumbers` gives,
   * else 0.
   */
  readonly sequenceNumberSlots?: number
  /**
   * The number of sequence numbers that ordered queues have: 64, 128, 256, 512 or 1024 for all of
   * them, or an array with an element for each queue. A DLB device has two groups of 1,024 sequence
   * numbers and divides each group into equal shares before the domain is created. By default, the
   * software device takes queues of any of these sizes, and a DLB device takes queues of 64 unless
   * `setSequenceNumbers` has changed that.
   */
  readonly sequenceNumbers?: number | readonly number[]
}

export interface LoadBalancedQueueOptions {
  /**
   * 0 (default): the queue takes unordered and atomic events. 64, 128, 256, 512 or 1024: the queue
   * takes ordered and atomic events, and at most this many ordered events are between scheduling
   * and completion. See the domain's `sequenceNumbers`.
   */
  readonly sequenceNumbers?: number
}

export interface PortOptions {
  /** A power of two, 8–1024: the most events that can wait in the port's consumer queue. */
  readonly cqDepth: number
}

export interface LoadBalancedPortOptions extends PortOptions {
  /**
   * The most events that can be scheduled to the port and not released, at least 1. They come from
   * the domain's `eventStateEntries`. Default: `cqDepth`.
   */
  readonly eventStateEntries?: number
}

export interface DirectedPortOptions extends PortOptions {
  /**
   * The directed queue that the port consumes, which no other port consumes. By default the port
   * gets a new queue with its own id.
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
  /** The threadId of the thread that has the port, or null. */
  readonly thread: number | null
  readonly enabled: boolean
  /** Events in the port's consumer queue. */
  readonly queued: number
  /**
   * Events scheduled to the port and not yet released: the port's load. A directed port's load
   * equals `queued`.
   */
  readonly load: number
}

/** A snapshot; its parts are not read at the same instant. */
export interface DomainStats {
  /** Credits that neither a queued event nor a port's allowance holds. */
  readonly creditsFree: number
  readonly queues: readonly QueueStats[]
  readonly ports: readonly PortStats[]
}

/**
 * A domain, as one thread sees it. All methods but `close` throw ERR_DLB_CLOSED once the domain is
 * closed. Malformed arguments are ERR_DLB_INVALID_ARGUMENT, queues and ports that the domain does
 * not have ERR_DLB_UNKNOWN_QUEUE and ERR_DLB_UNKNOWN_PORT, and another domain's buffers
 * ERR_DLB_FOREIGN_BUFFER.
 */
export interface SchedulingDomain {
  readonly kind: DeviceKind
  readonly id: number
  /**
   * Configures the domain. Only the creating thread can do so (else ERR_DLB_IN_USE), and only
   * before `start()` (else ERR_DLB_ALREADY_STARTED), as far as its resources go (else
   * ERR_DLB_NO_RESOURCES). This holds for the four methods that create queues and ports.
   */
  createLoadBalancedQueue(options?: LoadBalancedQueueOptions): QueueId
  createDirectedQueue(): QueueId
  createLoadBalancedPort(options: LoadBalancedPortOptions): PortId
  createDirectedPort(options: DirectedPortOptions): PortId
  /**
   * The most events of a load-balanced queue that the device has in flight: scheduled to all ports
   * together and not completed. Beyond that, the queue's events wait for completions, even if ports
   * have room. Infinity means that only the ports limit them. A queue with sequence numbers has the
   * number of these as its limit; on the software device, this limit holds only for ordered events.
   * Any thread can ask.
   * @throws ERR_DLB_UNKNOWN_QUEUE
   */
  inFlightLimit(queue: QueueId): number
  /** Starts the domain: events can be sent from now on. @throws ERR_DLB_ALREADY_STARTED */
  start(): void
  /**
   * Takes a port for the calling thread. The events that wait in its consumer queue come with it.
   * @throws ERR_DLB_PORT_ATTACHED, ERR_DLB_UNKNOWN_PORT, ERR_DLB_IN_USE (the port's last thread
   *   ended and had not released all that it received: call `recover` first)
   */
  attachPort(port: PortId): Port
  /**
   * Disables a port, from any thread. A disabled port gets no new events; what is in its consumer
   * queue can still be received.
   */
  disablePort(port: PortId): void
  enablePort(port: PortId): void
  /**
   * Unlinks a port that no living thread has from all queues, and takes back the events that it
   * holds: first those that were received and not released, oldest first, then those in its
   * consumer queue. The events become the caller's. They are complete for the device: they hold no
   * credit, no event-state entry, and no place in an order or atomic flow. Call this until it
   * returns 0; then the port can be attached again. Any thread can call it, one at a time per port.
   * A directed port gets further events from its queue meanwhile, unless it is disabled first.
   * @returns how many events were written to the front of `events`
   * @throws ERR_DLB_PORT_ATTACHED while the thread that has the port lives
   */
  recover(port: PortId, events: EventBuffer, max: number): number
  /**
   * Copies the events that wait in a port's consumer queue, oldest first, and leaves them there.
   * Any thread can call it. The port's own thread may be receiving the same events at that moment.
   * @returns how many events were written to the front of `events`, at most `max`
   */
  peek(port: PortId, events: EventBuffer, max: number): number
  /** Makes a buffer of `length` (1–65,536) events for this domain's ports. */
  createEvents(length: number): EventBuffer
  /** Returns the token by which other threads attach to the domain. Any thread can call it. */
  share(): DomainToken
  stats(): DomainStats
  /**
   * In the creating thread, ends the domain and gives its resources back: ports in other threads
   * throw ERR_DLB_CLOSED from then on, and events that are still queued are lost. In another
   * thread, detaches that thread's ports and leaves the domain. A second call does nothing.
   */
  close(): void
}

/**
 * One thread's access to the device. All counts are of events. `events` is read or written from
 * index 0 on, or from `offset`. After `detach`, all methods throw ERR_DLB_PORT_DETACHED, and once
 * the domain is closed, ERR_DLB_CLOSED; only `detach`, `ref` and `unref` do nothing instead. Wrong
 * arguments have the same codes as in SchedulingDomain.
 */
export interface Port {
  readonly id: PortId
  /**
   * Enqueues `count` events in array order, each to the queue that it names.
   * @returns how many were taken, 0 to `count`; the caller still owns the rest. Fewer are taken
   *   when credits run out, or when credits are not available at once because other threads are
   *   using the device. That is not an error: try again, at the earliest on the next turn of the
   *   loop.
   * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_UNKNOWN_QUEUE, ERR_DLB_WRONG_SCHEDULING,
   *   ERR_DLB_FOREIGN_BUFFER, ERR_DLB_NOT_STARTED; then nothing was sent
   */
  send(events: EventBuffer, count: number, offset?: number): number
  /**
   * Does what `send` does; each event also completes the oldest event received and not yet
   * released, and an ordered event's successor takes its place in the order. On a directed port,
   * this is the same as `send`.
   * @throws also ERR_DLB_RELEASE_EXCEEDED
   */
  forward(events: EventBuffer, count: number, offset?: number): number
  /**
   * Takes up to `max` events from the consumer queue and returns their tokens to the device.
   * @returns how many were taken, 0 if the consumer queue is empty
   */
  receive(events: EventBuffer, max: number): number
  /**
   * Completes the `count` oldest events received and not yet released.
   * @throws ERR_DLB_RELEASE_EXCEEDED (on a directed port for any count above 0, because its events
   *   are complete once they are received), ERR_DLB_INVALID_ARGUMENT
   */
  release(count: number): void
  /** Events received, and neither released nor forwarded. */
  readonly unreleased: number
  /**
   * Sets a callback that is called on this thread's loop while the consumer queue is not empty. It
   * is level-triggered: it is called again on a later turn of the loop if it left events. It keeps
   * the loop alive until `unref`. null removes it.
   */
  onReadable(callback: (() => void) | null): void
  /** Makes the callback keep the loop alive; `unref` ends that. */
  ref(): void
  unref(): void
  /**
   * Links a load-balanced port to a queue. A port has at most 8 links. The priority is 0 (first) to
   * 7; linking again changes it.
   * @throws ERR_DLB_NO_RESOURCES (a 9th link), ERR_DLB_WRONG_SCHEDULING (a directed port or queue)
   */
  link(queue: QueueId, priority?: number): void
  /**
   * Removes a link. Events that are in the consumer queue stay; other ports get the queue's further
   * events.
   */
  unlink(queue: QueueId): void
  enable(): void
  disable(): void
  /**
   * Gives the port up. The events that it holds stay for the next thread that attaches it, or for
   * `recover`. A second call does nothing.
   */
  detach(): void
}
