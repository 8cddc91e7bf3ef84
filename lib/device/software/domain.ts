import type { NodeDlbError } from '../../errors.ts'
import { loadAddon, type NativeAddon } from '../../native.ts'
import { readFields } from '../check.ts'
import type {
  DirectedPortOptions,
  DomainStats,
  DomainToken,
  LoadBalancedPortOptions,
  LoadBalancedQueueOptions,
  PortId,
  QueueId,
  SchedulingDomain,
} from '../device.ts'
import { checkRoom, EventBuffer } from '../event-buffer.ts'
import type { Slots } from '../sequence-slots.ts'
import {
  alreadyStarted,
  domainClosed,
  notCreator,
  portAttached,
  portOwes,
  readPortId,
  readQueueId,
  unknownPort,
  unknownQueue,
  wrongToken,
} from '../validate.ts'
import { Configuration } from './configuration.ts'
import { DomainState, type FixedConfig, flow, Layout, own, port, queue, word } from './layout.ts'
import { SoftwarePort } from './port.ts'
import { wakeSleeper } from './readable.ts'
import { Scheduler } from './scheduler.ts'
import { domainStats } from './stats.ts'
import { Threads } from './threads.ts'

/** "dlb1", which marks the memory of a domain of this layout. */
const magic = 0x646c6231

interface SoftwareToken extends DomainToken {
  readonly memory: SharedArrayBuffer
}

/** One thread's view of a domain. All that the threads share is in the domain's memory. */
export class SoftwareDomain implements SchedulingDomain {
  readonly kind = 'software'
  readonly id: number
  readonly #memory: SharedArrayBuffer
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #threads: Threads
  readonly #thread: number
  readonly #addon: NativeAddon | null
  readonly #scheduler: Scheduler
  /** null in all threads but the creating one. */
  readonly #configuration: Configuration | null
  readonly #onClose: () => void
  readonly #ports = new Set<SoftwarePort>()
  #closed = false

  /** @param onClose gives the resources back to the device */
  static create(id: number, config: FixedConfig, slots: Slots, onClose: () => void): SoftwareDomain {
    const layout = new Layout(config)
    const memory = new SharedArrayBuffer(layout.end * 4)
    const m = new Int32Array(memory)
    m[word.ldbQueues] = config.loadBalancedQueues
    m[word.ldbPorts] = config.loadBalancedPorts
    m[word.dirPorts] = config.directedPorts
    m[word.eventStateEntries] = config.eventStateEntries
    m[word.credits] = config.credits
    m[word.sequenceNumberSlots] = config.sequenceNumberSlots
    m[word.domainId] = id
    m[word.hasAddon] = isAddonAvailable() ? 1 : 0
    // node:crypto is not used, because loading it costs more than the rest of the device.
    m[word.domainKey] = 1 + Math.floor(Math.random() * (2 ** 31 - 1))
    m[word.creditsFree] = config.credits
    m[word.freeTail] = config.credits
    for (let cell = 0; cell < config.credits; cell++) m[layout.freeRing + cell] = cell
    m[word.freeFlow] = 1
    for (let f = 1; f < layout.flowCount; f++) m[layout.flows + f * flow.stride + flow.chain] = f + 1
    m[word.state] = DomainState.configuring
    m[word.magic] = magic
    return new SoftwareDomain(memory, layout, new Configuration(m, layout, slots), onClose)
  }

  /**
   * @throws ERR_DLB_ADDON_UNAVAILABLE if the creating thread could load the addon, and this one
   *   cannot
   */
  static attach(token: DomainToken): SoftwareDomain {
    const { memory } = readFields('token', token as SoftwareToken, ['memory'])
    const { types } = process.getBuiltinModule('node:util')
    const m = types.isSharedArrayBuffer(memory) && memory.byteLength % 4 === 0 ? new Int32Array(memory) : null
    if (m === null || m[word.magic] !== magic) throw wrongToken()
    if (Atomics.load(m, word.state) === DomainState.closed) throw domainClosed()
    const layout = new Layout({
      loadBalancedQueues: m[word.ldbQueues],
      loadBalancedPorts: m[word.ldbPorts],
      directedPorts: m[word.dirPorts],
      eventStateEntries: m[word.eventStateEntries],
      credits: m[word.credits],
      sequenceNumberSlots: m[word.sequenceNumberSlots],
    })
    if (layout.end !== m.length) throw wrongToken()
    return new SoftwareDomain(memory, layout, null, () => undefined)
  }

  private constructor(
    memory: SharedArrayBuffer,
    layout: Layout,
    configuration: Configuration | null,
    onClose: () => void,
  ) {
    this.#memory = memory
    this.#m = new Int32Array(memory)
    this.#layout = layout
    this.#configuration = configuration
    this.#onClose = onClose
    this.id = this.#m[word.domainId]
    this.#addon = this.#m[word.hasAddon] === 1 ? loadAddon() : null
    this.#threads = new Threads(this.#m, layout)
    this.#thread = this.#threads.enter()
    this.#scheduler = new Scheduler(this.#m, layout, this.#thread, this.#threads, this.#addon)
  }

  createLoadBalancedQueue(options: LoadBalancedQueueOptions = {}): QueueId {
    return this.#configure().createLoadBalancedQueue(options)
  }

  createDirectedQueue(): QueueId {
    return this.#configure().createDirectedQueue()
  }

  createLoadBalancedPort(options: LoadBalancedPortOptions): PortId {
    return this.#configure().createLoadBalancedPort(options)
  }

  createDirectedPort(options: DirectedPortOptions): PortId {
    return this.#configure().createDirectedPort(options)
  }

  inFlightLimit(of: QueueId): number {
    this.#checkOpen()
    const wanted = readQueueId(of)
    const { kind, id } = wanted
    const at = this.#layout.queue + id * queue.stride
    const { loadBalancedQueues } = this.#layout.config
    const isKnown = kind === 'load-balanced' && id < loadBalancedQueues && this.#m[at + queue.made] !== 0
    if (!isKnown) throw unknownQueue(wanted)
    return this.#m[at + queue.sequenceNumbers] || Number.POSITIVE_INFINITY
  }

  start(): void {
    this.#configure()
    Atomics.store(this.#m, word.state, DomainState.started)
  }

  attachPort(wanted: PortId): SoftwarePort {
    this.#checkOpen()
    const { p, id } = this.#known(wanted)
    const at = this.#layout.port + p * port.stride + port.owner
    const owner = Atomics.load(this.#m, at)
    if (owner > 0) {
      if (this.#threads.alive(owner)) throw this.#attached(id, owner)
      if (!this.#scheduler.settle(p)) throw portOwes(id)
    }
    if (owner < 0 || Atomics.compareExchange(this.#m, at, owner, this.#thread) !== owner) {
      throw portAttached(id, 'another thread')
    }
    const onDetach = (gone: SoftwarePort): void => void this.#ports.delete(gone)
    const shared = [this.#m, this.#layout, this.#scheduler, this.#addon] as const
    const attached = new SoftwarePort(id, p, this.#thread, ...shared, onDetach)
    this.#ports.add(attached)
    return attached
  }

  disablePort(id: PortId): void {
    this.#checkOpen()
    const { p } = this.#known(id)
    Atomics.and(this.#m, word.enabled + (p >> 5), ~(1 << (p & 31)))
  }

  enablePort(id: PortId): void {
    this.#checkOpen()
    const { p } = this.#known(id)
    Atomics.or(this.#m, word.enabled + (p >> 5), 1 << (p & 31))
    this.#scheduler.kick(p)
  }

  recover(from: PortId, events: EventBuffer, max: number): number {
    this.#checkOpen()
    const { p, id } = this.#known(from)
    checkRoom(events, max, this.#m[word.domainKey])
    const owner = Atomics.load(this.#m, this.#layout.port + p * port.stride + port.owner)
    if (owner > 0 && !this.#threads.declareEnded(owner)) throw this.#attached(id, owner)
    if (p < this.#layout.config.loadBalancedPorts) this.#unlinkAll(p)
    const words = events.words
    let to = 0
    return this.#scheduler.recover(p, max, (source) => {
      for (let i = 0; i < 4; i++) words[to++] = this.#m[source + i]
    })
  }

  peek(id: PortId, events: EventBuffer, max: number): number {
    this.#checkOpen()
    const { p } = this.#known(id)
    checkRoom(events, max, this.#m[word.domainKey])
    const m = this.#m
    const pub = this.#layout.port + p * port.stride
    const at = this.#layout.own + p * own.stride
    const first = Atomics.load(m, pub + port.head)
    const seen = Math.min((Atomics.load(m, pub + port.tail) - first) | 0, max)
    const copy = (i: number, to: number): void => {
      const from = m[at + own.ring] + ((first + i) & m[at + own.ringMask]) * 4
      for (let k = 0; k < 4; k++) events.words[to * 4 + k] = m[from + k]
    }
    for (let i = 0; i < seen; i++) copy(i, i)
    // Events that were received meanwhile may have been overwritten while we copied them.
    const gone = Math.min((Atomics.load(m, pub + port.head) - first) | 0, seen)
    if (gone > 0) events.words.copyWithin(0, gone * 4, seen * 4)
    return seen - gone
  }

  createEvents(length: number): EventBuffer {
    this.#checkOpen()
    return new EventBuffer(this.#m[word.domainKey], length)
  }

  share(): DomainToken {
    this.#checkOpen()
    const token: SoftwareToken = { nodeDlbDomain: 'software', memory: this.#memory }
    return token
  }

  stats(): DomainStats {
    this.#checkOpen()
    return domainStats(this.#m, this.#layout, this.#threads)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#configuration !== null) this.#end()
    for (const attached of this.#ports) attached.detach()
    this.#scheduler.close()
    this.#threads.leave(this.#thread)
    this.#onClose()
  }

  /** Takes all ports from their threads, and wakes sleeping threads, so that they notice. */
  #end(): void {
    Atomics.store(this.#m, word.state, DomainState.closed)
    for (let p = 0; p < this.#layout.ports; p++) {
      const pub = this.#layout.port + p * port.stride
      Atomics.store(this.#m, pub + port.owner, -1)
      wakeSleeper(this.#m, pub, this.#addon)
    }
  }

  #configure(): Configuration {
    this.#checkOpen()
    if (this.#configuration === null) throw notCreator('configures and starts it')
    if (this.#m[word.state] !== DomainState.configuring) throw alreadyStarted()
    return this.#configuration
  }

  /** The index of an existing port, and a copy of its name. */
  #known(of: PortId): { p: number; id: PortId } {
    const id = readPortId(of)
    const { loadBalancedPorts, directedPorts } = this.#layout.config
    const isDirected = id.kind === 'directed'
    const p = isDirected ? loadBalancedPorts + id.id : id.id
    const isInRange = id.id < (isDirected ? directedPorts : loadBalancedPorts)
    if (isInRange && this.#m[this.#layout.own + p * own.stride + own.made] !== 0) return { p, id }
    throw unknownPort(id)
  }

  #attached(id: PortId, owner: number): NodeDlbError {
    return portAttached(id, `thread ${this.#threads.threadId(owner)}`)
  }

  #unlinkAll(p: number): void {
    const queues = this.#layout.config.loadBalancedQueues
    for (let q = 0; q < queues; q++) {
      const links = this.#layout.queue + q * queue.stride + queue.links + (p >> 5)
      Atomics.and(this.#m, links, ~(1 << (p & 31)))
      Atomics.store(this.#m, this.#layout.links + p * queues + q, 0)
    }
  }

  #checkOpen(): void {
    if (this.#closed || Atomics.load(this.#m, word.state) === DomainState.closed) throw domainClosed()
  }
}

/**
 * Whether the addon can be loaded. The device works without it, too; with it, sleeping threads are
 * woken faster.
 */
function isAddonAvailable(): boolean {
  try {
    loadAddon()
    return true
  } catch {
    return false
  }
}
