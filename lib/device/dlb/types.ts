import type {
  Capabilities,
  Device,
  DirectedPortOptions,
  DomainConfig,
  LoadBalancedPortOptions,
  LoadBalancedQueueOptions,
  Port,
  PortId,
  QueueId,
  SchedulingDomain,
} from '../device.ts'
import type { EventBuffer } from '../event-buffer.ts'

/**
 * What the DLB device can do beyond the contract of lib/device/device.ts. docs/device.md maps it to
 * libdlb's calls.
 */
export interface DlbCapabilities extends Capabilities {
  /** Load-balanced ports have a class of service. */
  readonly classOfService: boolean
  readonly queueDepthThreshold: boolean
  readonly lockIdCompression: boolean
  /** `advancedSend` may send fragments. */
  readonly fragments: boolean
}

export interface DlbDevice extends Device {
  readonly kind: 'dlb'
  /** The file of libdlb. */
  readonly library: string
  /**
   * The library is native/sim, and the device none: what is measured on it says nothing about the
   * hardware.
   */
  readonly standIn: boolean
  readonly capabilities: DlbCapabilities
  createDomain(config: DlbDomainConfig): DlbDomain
  /**
   * How the device's 1,024 sequence numbers of a group (0 or 1) are divided: for each queue, 64,
   * 128, 256, 512 or 1,024; and how many of the slots are domains', used or not.
   */
  sequenceNumbers(group: 0 | 1): { readonly perQueue: number; readonly occupied: number }
  /**
   * How many groups there are, and the least that a queue can have; undefined if libdlb does not
   * say.
   */
  sequenceNumberGroups(): { readonly groups: number; readonly least: number | undefined }
  /**
   * Of domains that do not say themselves, see `sequenceNumbers` of their config. @throws
   * ERR_DLB_IN_USE while a domain has slots of the group.
   */
  setSequenceNumbers(group: 0 | 1, perQueue: number): void
}

export interface DlbDomainConfig extends DomainConfig {
  /**
   * Load-balanced ports of each class of service, 0–16 each, in addition to `loadBalancedPorts`,
   * which are of any.
   */
  readonly portsPerClass?: readonly [number, number, number, number]
}

export interface DlbQueueOptions extends LoadBalancedQueueOptions {
  /**
   * Flow ids are hashed to so many: 0 (default, not at all), 64, 128, 256, 512, 1,024, 2,048, 4,096
   * or 65,536.
   */
  readonly lockIdCompression?: number
}

export interface DlbLoadBalancedPortOptions extends LoadBalancedPortOptions {
  /** 0–3; default: any. */
  readonly classOfService?: 0 | 1 | 2 | 3
  /** The CQ holds events by their weight. Devices with `eventWeight`. */
  readonly weight?: boolean
}

export interface DlbDirectedPortOptions extends DirectedPortOptions {
  /** It only sends, which lets the device place it better. */
  readonly producer?: boolean
}

/**
 * How a port's thread learns of events. `interrupt` (default): the loop sleeps until the device
 * interrupts. The others never let the loop sleep, and look once in each of its turns, waiting for
 * up to `timeoutNs` there: `poll` by looking all the time, `sleep-poll` with sleeps in between,
 * `low-power` in the CPU's umwait state.
 */
export type WaitMode = 'interrupt' | 'low-power' | 'poll' | 'sleep-poll'

export interface AttachOptions {
  readonly wait?: WaitMode
  /**
   * How long a look holds up the rest of the loop at most: 0–100,000,000 ns; default 50,000. Not
   * for `interrupt`.
   */
  readonly timeoutNs?: number
  /** For `sleep-poll`: 1,000–100,000,000 ns; default 10,000. */
  readonly sleepNs?: number
}

export type DlbAlert =
  /** All domains of the device are gone: close them and the device, and open it again. */
  | { readonly type: 'device-reset' }
  /** The last one: close() has reset the domain. */
  | { readonly type: 'domain-reset' }
  /** A port has not received for too long. */
  | { readonly type: 'cq-watchdog'; readonly port: PortId }
  /** The device refused something that libdlb let through; libdlb has printed what to stdout. */
  | { readonly type: 'hardware-error' }

/** Which of a queue's figures `statistic` reads; libdlb's names are in docs/device.md. */
export type QueueStatistic = 'inFlight' | 'inFlightLimit' | 'atomic' | 'depthThreshold' | 'enqueued'

export interface DlbDomain extends SchedulingDomain {
  readonly kind: 'dlb'
  createLoadBalancedQueue(options?: DlbQueueOptions): QueueId
  createLoadBalancedPort(options: DlbLoadBalancedPortOptions): PortId
  createDirectedPort(options: DlbDirectedPortOptions): PortId
  /** @throws ERR_DLB_UNSUPPORTED if the CPU lacks what `wait` needs. */
  attachPort(port: PortId, options?: AttachOptions): DlbPort
  /**
   * In the creating thread: alerts, on its loop, which they do not hold open. null: none, and those
   * that come are kept for the next callback.
   */
  onAlert(callback: ((alert: DlbAlert) => void) | null): void
  /**
   * undefined if the driver does not say; a directed queue has `depthThreshold` and `enqueued`
   * only.
   * @throws ERR_DLB_UNKNOWN_QUEUE, ERR_DLB_INVALID_ARGUMENT
   */
  statistic(queue: QueueId, name: QueueStatistic): number | undefined
  /** How many received events came when the queue's depth was at a level, 0 (lowest) to 3. */
  depthCounter(queue: QueueId, level: 0 | 1 | 2 | 3): number
  resetDepthCounter(queue: QueueId, level: 0 | 1 | 2 | 3): void
}

export interface DlbPort extends Port {
  /**
   * As `send`, beyond the domain's `credits`: for an event that has to go through though others
   * have used them up, such as one that finds out whether the device works. libdlb's own pools have
   * some left, if the device had.
   */
  sendBeyondCredits(events: EventBuffer, count: number): number
  /**
   * As `receive`, but the tokens are the caller's to return: with `pop`, or with commands of
   * `advancedSend`.
   */
  receiveWithoutPop(events: EventBuffer, max: number): number
  /** Returns tokens of events received without pop. @throws ERR_DLB_RELEASE_EXCEEDED */
  pop(count: number): number
  /**
   * Sends events with a command each, see `setCommand`. Weights are lost on the way, and on devices
   * with `combinedCredits` directed events are refused: libdlb takes their credits from a pool that
   * is not there.
   * @returns how many were taken.
   * @throws ERR_DLB_RELEASE_EXCEEDED, ERR_DLB_UNSUPPORTED, and what `send` throws; nothing was sent
   *   then.
   */
  advancedSend(events: EventBuffer, count: number): number
  /**
   * How libdlb waits for the port: what `attachPort` was told, or for `interrupt` what it was
   * before.
   */
  waitProfile(): { readonly mode: WaitMode; readonly timeoutNs: number; readonly sleepNs: number }
  /**
   * Stops the port altogether: beside what `disable` does, `send` and `forward` throw
   * ERR_DLB_PORT_STOPPED.
   */
  stop(): void
  resume(): void
}
