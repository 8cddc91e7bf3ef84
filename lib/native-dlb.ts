/**
 * The addon's interface to the DLB device: see native/dlb/js_device.h, js_domain.h and
 * attachment.h. Only lib/device/dlb uses it, and lib/device/dlb checks the arguments. Calls that
 * fail throw Node's system errors, with libdlb's function as `syscall`. Calls of ports return a
 * negative `PortCode` instead (lib/device/dlb/codes.ts).
 */
export interface NativeDlb {
  /** Loads a library without opening a device. Throws an Error with the code ELIBRARY. */
  inspectDlbLibrary(library: string): DlbLibrary
  readonly DlbDevice: new (library: string, id: number) => NativeDlbDevice
  readonly DlbDomain: new (
    ...from: [device: NativeDlbDevice, config: NativeDomainConfig] | [key: string]
  ) => NativeDlbDomain
  /**
   * Attaches a port. @returns a negative PortCode if that fails; undefined if there is no such port
   */
  attachDlbPort(
    domain: NativeDlbDomain,
    directed: boolean,
    id: number,
    thread: number,
    polls: boolean,
  ): NativeDlbPort | number | undefined
}

export interface DlbLibrary {
  readonly file: string
  /** True if the library is native/sim, the stand-in, which no hardware is behind. */
  readonly standIn: boolean
}

export interface NativeDlbDevice {
  facts(): {
    /** libdlb's file. */
    readonly library: string
    readonly standIn: boolean
    /** The flags of `dlb_dev_cap_t`. */
    readonly capabilities: number
    /** True after a failure that left libdlb's handle in a state in which it must not be closed. */
    readonly poisoned: boolean
    readonly hasStatistics: boolean
  }
  resources(): NativeResources
  sequenceNumbers(group: number): { readonly perQueue: number; readonly occupied: number }
  setSequenceNumbers(group: number, perQueue: number): void
  /** `least` is undefined if the library does not say. */
  sequenceNumberGroups(): { readonly groups: number; readonly least: number | undefined }
  close(): void
}

export interface NativeResources {
  readonly domains: number
  readonly loadBalancedQueues: number
  readonly loadBalancedPorts: number
  readonly portsPerClass: readonly number[]
  readonly directedPorts: number
  readonly eventStateEntries: number
  readonly contiguousEventStateEntries: number
  /** The credits for load-balanced events, or for all events if credits are combined. */
  readonly credits: number
  readonly directedCredits: number
  readonly sequenceNumberSlots: readonly number[]
}

export interface NativeDomainConfig {
  readonly loadBalancedQueues: number
  readonly loadBalancedPorts: number
  readonly portsPerClass: readonly number[]
  readonly directedPorts: number
  readonly eventStateEntries: number
  /** The contract's bound on queued events. */
  readonly credits: number
  /** The sizes of libdlb's pools: the bound, and what ports may keep beyond it. */
  readonly pool: number
  readonly directedPool: number
  /**
   * By group: how many slots the domain takes, and how many sequence numbers a slot of the group is
   * to have. The latter is changed before the domain is created, and changed back when it ends.
   */
  readonly sequenceNumberSlots: readonly number[]
  readonly sequenceNumbers: readonly number[]
}

export interface NativePortConfig {
  readonly directed: boolean
  readonly cqDepth: number
  readonly eventStateEntries: number
  readonly classOfService: number
  readonly producer: boolean
  /** The queue that a directed port consumes; -1 gives it a queue of its own. */
  readonly queue: number
  readonly weight: boolean
}

export interface NativePortStats {
  readonly directed: boolean
  readonly id: number
  /** The threadId of the thread that has the port; -1 if none has. */
  readonly thread: number
  readonly enabled: boolean
  readonly queued: number
  readonly load: number
}

export interface NativeDlbDomain {
  isOpen(): boolean
  facts(): { readonly id: number; readonly key: string; readonly number: number; readonly combined: boolean }
  createLoadBalancedQueue(sequenceNumbers: number, lockIdCompression: number): number
  createDirectedQueue(port: number): number
  createPort(config: NativePortConfig): number
  start(): void
  isStarted(): boolean
  hasPort(directed: boolean, id: number): boolean
  /**
   * Looks up (scheduling type << 8 | queue id): 0 if there is no such queue, 1 if it takes that
   * type, 2 if it does not.
   */
  target(target: number): number
  setEnabled(directed: boolean, id: number, enabled: boolean, schedulingOnly: boolean): number | undefined
  recover(directed: boolean, id: number, words: Int32Array, max: number): number | undefined
  peek(directed: boolean, id: number, words: Int32Array, max: number): number | undefined
  stats(): {
    readonly creditsFree: number
    readonly queues: readonly { readonly directed: boolean; readonly id: number; readonly depth: number }[]
    readonly ports: readonly NativePortStats[]
  }
  statistic(type: number, id: number): number | undefined
  depthCounter(directed: boolean, queue: number, level: number): number
  resetDepthCounter(directed: boolean, queue: number, level: number): void
  /**
   * Sets the callback for alerts. It can be set once, by the thread that created the domain.
   * `isReset`: the alert is certainly a reset, of the device or the domain. The last alerts may
   * come in turns of the loop after close().
   */
  onAlert(callback: (id: number, data: number, isReset: boolean) => void): void
  close(): void
}

export interface NativeDlbPort {
  /** The arguments and results of the next eight methods: see lib/device/dlb/call.ts. */
  readonly call: ArrayBuffer
  send(): void
  /** Sends beyond the contract's bound on queued events. */
  sendBeyond(): void
  forward(): void
  advancedSend(): void
  receive(): void
  receiveWithoutPop(): void
  release(): void
  pop(): void
  /**
   * Sets the memory to send from or to receive into, until the next such call. The addon keeps only
   * its address.
   * @returns how many events the memory has; 0 if it is not an ArrayBuffer, or was transferred away
   */
  lend(receives: boolean, memory: ArrayBuffer): number
  unreleased(): number
  link(queue: number, priority: number): number
  unlink(queue: number): number
  setEnabled(enabled: boolean, schedulingOnly: boolean): number
  setWaitProfile(type: number, timeoutNs: number, sleepNs: number): number
  waitProfile(): readonly [type: number, timeoutNs: number, sleepNs: number] | number
  watch(callback: (() => void) | null): number
  hold(held: boolean): void
  detach(): void
}
