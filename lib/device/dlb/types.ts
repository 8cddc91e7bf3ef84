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
 * What the DLB device offers beyond the contract of lib/device/device.ts. docs/device.md maps this
 * to libdlb's calls.
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
  /** libdlb's file. */
  readonly library: string
  /**
   * True if the library is the stand-in native/sim: there is no device then, and measurements say
   * nothing about the hardware.
   */
  readonly standIn: boolean
  readonly capabilities: DlbCapabilities
  createDomain(config: DlbDomainConfig): DlbDomain
  /**
   * How the 1,024 sequence numbers of a group (0 or 1) are divided. `perQueue` is 64, 128, 256, 512
   * or 1,024; `occupied` is how many of the group's slots domains have, used or not.
   */
  sequenceNumbers(group: 0 | 1): { readonly perQueue: number; readonly occupied: number }
  /**
   * How many groups there are, and the fewest sequence numbers that a queue can have; `least` is
   * undefined if libdlb does not say.
   */
  sequenceNumberGroups(): { readonly groups: number; readonly least: number | undefined }
  /**
   * Sets how many sequence numbers each queue of a group has, for domains whose config has no
   * `sequenceNumbers`.
   * @throws ERR_DLB_IN_USE while a domain has slots of the group
   */
  setSequenceNumbers(group: 0 | 1, perQueue: number): void
}

export interface DlbDomainConfig extends DomainConfig {
  /**
   * The number of load-balanced ports in each class of service, 0–16 each. These are in addition to
   * `loadBalancedPorts`, which may be in any class.
   */
  readonly portsPerClass?: readonly [number, number, number, number]
}

export interface DlbQueueOptions extends LoadBalancedQueueOptions {
  /**
   * The number of values that flow ids are hashed to: 0 (default: they are not hashed), 64, 128,
   * 256, 512, 1,024, 2,048, 4,096 or 65,536.
   */
  readonly lockIdCompression?: number
}

export interface DlbLoadBalancedPortOptions extends LoadBalancedPortOptions {
  /** The class of service, 0–3. Default: any. */
  readonly classOfService?: 0 | 1 | 2 | 3
  /**
   * Whether the CQ's depth counts events by their weight. Only devices with `eventWeight` can do
   * this.
   */
  readonly weight?: boolean
}

export interface DlbDirectedPortOptions extends DirectedPortOptions {
  /** Whether the port only sends, which lets the device place it better. */
  readonly producer?: boolean
}

/**
 * How a port's thread learns of events. With `interrupt` (default), the loop sleeps until the
 * device interrupts. The other modes never let the loop sleep: they check the consumer queue once
 * in each turn of the loop, and wait there for up to `timeoutNs`. `poll` waits by polling,
 * `sleep-poll` polls with sleeps in between, and `low-power` waits in the CPU's umwait state.
 */
export type WaitMode = 'interrupt' | 'low-power' | 'poll' | 'sleep-poll'

export interface AttachOptions {
  readonly wait?: WaitMode
  /**
   * The longest time for which a check holds up the rest of the loop: 0–100,000,000 ns; default
   * 50,000. `interrupt` ignores it.
   */
  readonly timeoutNs?: number
  /** How long `sleep-poll` sleeps: 1,000–100,000,000 ns; default 10,000. */
  readonly sleepNs?: number
}

export type DlbAlert =
  /** All domains of the device are lost: close them and the device, and open it again. */
  | { readonly type: 'device-reset' }
  /** A domain's last alert: close() has reset the domain. */
  | { readonly type: 'domain-reset' }
  /** A port's thread has not received for too long. */
  | { readonly type: 'cq-watchdog'; readonly port: PortId }
  /**
   * The device refused something that libdlb had let through. libdlb has printed the details to
   * stdout.
   */
  | { readonly type: 'hardware-error' }

/** The figures of a queue that `statistic` reads. docs/device.md has libdlb's names for them. */
export type QueueStatistic = 'inFlight' | 'inFlightLimit' | 'atomic' | 'depthThreshold' | 'enqueued'

export interface DlbDomain extends SchedulingDomain {
  readonly kind: 'dlb'
  createLoadBalancedQueue(options?: DlbQueueOptions): QueueId
  createLoadBalancedPort(options: DlbLoadBalancedPortOptions): PortId
  createDirectedPort(options: DlbDirectedPortOptions): PortId
  /** @throws ERR_DLB_UNSUPPORTED if the CPU lacks what `wait` needs. */
  attachPort(port: PortId, options?: AttachOptions): DlbPort
  /**
   * Sets the callback for alerts. Only the creating thread can do so, and the callback is called on
   * its loop, which it does not keep alive. With null, alerts are kept for the next callback.
   */
  onAlert(callback: ((alert: DlbAlert) => void) | null): void
  /**
   * A figure of a queue, or undefined if the driver does not give it. A directed queue has only
   * `depthThreshold` and `enqueued`.
   * @throws ERR_DLB_UNKNOWN_QUEUE, ERR_DLB_INVALID_ARGUMENT
   */
  statistic(queue: QueueId, name: QueueStatistic): number | undefined
  /**
   * The number of received events that came while the queue's depth was at a level, 0 (lowest) to
   * 3.
   */
  depthCounter(queue: QueueId, level: 0 | 1 | 2 | 3): number
  resetDepthCounter(queue: QueueId, level: 0 | 1 | 2 | 3): void
}

export interface DlbPort extends Port {
  /**
   * Does what `send` does, even beyond the domain's `credits`. It is for an event that has to go
   * through when others have used up the credits, such as one that tests whether the device works.
   * libdlb's own pools have credits left if the device had enough.
   */
  sendBeyondCredits(events: EventBuffer, count: number): number
  /**
   * Does what `receive` does, but leaves it to the caller to return the tokens, with `pop` or with
   * commands of `advancedSend`.
   */
  receiveWithoutPop(events: EventBuffer, max: number): number
  /** Returns tokens of events that were received without pop. @throws ERR_DLB_RELEASE_EXCEEDED */
  pop(count: number): number
  /**
   * Sends events that each have a command: see `setCommand`. The events lose their weights. Devices
   * with `combinedCredits` refuse directed events here, because libdlb takes their credits from a
   * pool that does not exist.
   * @returns how many were taken
   * @throws ERR_DLB_RELEASE_EXCEEDED, ERR_DLB_UNSUPPORTED, and what `send` throws; then nothing was
   *   sent
   */
  advancedSend(events: EventBuffer, count: number): number
  /**
   * The way in which libdlb waits for the port: what `attachPort` has set, or, with `interrupt`,
   * what was set before.
   */
  waitProfile(): { readonly mode: WaitMode; readonly timeoutNs: number; readonly sleepNs: number }
  /**
   * Stops the port completely: it does what `disable` does, and `send` and `forward` throw
   * ERR_DLB_PORT_STOPPED.
   */
  stop(): void
  resume(): void
}
