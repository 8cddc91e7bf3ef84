/**
 * The addon's part for the DLB device: native/dlb/js_device.h, js_domain.h and attachment.h.
 * lib/device/dlb is its only user; it checks the arguments. Calls that fail throw Node's system
 * errors, with libdlb's function as `syscall`; those of ports return a `PortCode` below 0 instead
 * (lib/device/dlb/codes.ts).
 */
export interface NativeDlb {
  /** Loads a library and opens no device. Throws an Error with the code ELIBRARY. */
  inspectDlbLibrary(library: string): DlbLibrary
  readonly DlbDevice: new (library: string, id: number) => NativeDlbDevice
  readonly DlbDomain: new (
    ...from: [device: NativeDlbDevice, config: NativeDomainConfig] | [key: string]
  ) => NativeDlbDomain
  /** undefined if the domain has no such port. */
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
  /** It is native/sim, and what is behind it no device. */
  readonly standIn: boolean
}

export interface NativeDlbDevice {
  facts(): {
    /** The library's file. */
    readonly library: string
    readonly standIn: boolean
    /** `dlb_dev_cap_t`'s flags. */
    readonly capabilities: number
    /** A failure has left libdlb's handle such that it must not be closed. */
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
  /** For load-balanced events, or for all if credits are combined. */
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
  /** libdlb's pools: what is bounded, and what ports may keep. */
  readonly pool: number
  readonly directedPool: number
  /**
   * Of each group; and how many numbers a slot of the group is to have, which is changed before the
   * domain is made, and back when it ends.
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
  /** Of a directed port; -1: one of its own. */
  readonly queue: number
  readonly weight: boolean
}

export interface NativePortStats {
  readonly directed: boolean
  readonly id: number
  /** -1: nobody's. */
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
  /** For (scheduling type << 8 | queue id): 0 no such queue, 1 fits, 2 not this type. */
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
   * Once, in the creating thread. `isReset`: it is one for certain, of the device or the domain.
   * The last alerts come in the turns of the loop after close().
   */
  onAlert(callback: (id: number, data: number, isReset: boolean) => void): void
  close(): void
}

export interface NativeDlbPort {
  /** What the next eight are called with, and what they return: see lib/device/dlb/call.ts. */
  readonly call: ArrayBuffer
  send(): void
  /** Beyond the contract's bound on queued events. */
  sendBeyond(): void
  forward(): void
  advancedSend(): void
  receive(): void
  receiveWithoutPop(): void
  release(): void
  pop(): void
  /**
   * The memory to send from, or to receive into, up to the next call of this. Its address is all
   * that the addon keeps.
   * @returns how many events it has; 0 if it is no ArrayBuffer, or was transferred away.
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
