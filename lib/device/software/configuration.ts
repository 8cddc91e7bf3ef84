import { checkChoice, checkInteger, readOptions } from '../check.ts'
import type {
  DirectedPortOptions,
  LoadBalancedPortOptions,
  LoadBalancedQueueOptions,
  PortId,
  QueueId,
} from '../device.ts'
import { noSlot, type Slots, sequenceNumberCounts } from '../sequence-slots.ts'
import { checkDepth, checkLeft, consumedQueue, readQueueId, unknownQueue } from '../validate.ts'
import { type FixedConfig, Layout, own, queue, word } from './layout.ts'

/** The tx ring's positions are counted mod 2^16; this bound keeps the ring within half of that. */
const maxEntriesPerPort = 16_384

/**
 * Creates a domain's queues and ports, in the creating thread, before the start. Each call checks
 * everything before it takes resources.
 */
export class Configuration {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #config: FixedConfig
  #nextRing: number
  #entriesLeft: number
  #sequenceNumberSlotsTaken = 0
  readonly #slots: Slots
  /** The sizes that ordered queues can still have, if the domain's config has them. */
  readonly #sizesLeft: number[] | null

  constructor(memory: Int32Array, layout: Layout, slots: Slots) {
    this.#slots = slots
    this.#sizesLeft = slots.sizes && [...slots.sizes]
    this.#m = memory
    this.#layout = layout
    this.#config = layout.config
    this.#nextRing = layout.rings
    this.#entriesLeft = layout.config.eventStateEntries
  }

  createLoadBalancedQueue(options: LoadBalancedQueueOptions): QueueId {
    const { sequenceNumbers = 0 } = readOptions('options', options, ['sequenceNumbers'])
    const m = this.#m
    checkChoice('sequenceNumbers', sequenceNumbers, sequenceNumberCounts)
    const id = m[word.ldbQueuesMade]
    checkLeft(id < this.#config.loadBalancedQueues, 'loadBalancedQueues', this.#config.loadBalancedQueues)
    const ordered = sequenceNumbers > 0
    const slot = this.#sequenceNumberSlotsTaken
    const size = this.#sizesLeft?.indexOf(sequenceNumbers) ?? 0
    if (ordered && (slot >= this.#slots.count || size === -1)) throw noSlot(sequenceNumbers, this.#slots)
    const at = this.#layout.queue + id * queue.stride
    m[at + queue.sequenceNumbers] = sequenceNumbers
    m[at + queue.reorder] = this.#layout.reorder + slot * 1024
    m[at + queue.made] = 1
    m[word.ldbQueuesMade] = id + 1
    if (ordered) {
      this.#sequenceNumberSlotsTaken++
      this.#sizesLeft?.splice(size, 1)
    }
    return { kind: 'load-balanced', id }
  }

  createDirectedQueue(): QueueId {
    const id = this.#freeDirected()
    this.#m[this.#directedQueue(id) + queue.made] = 1
    return { kind: 'directed', id }
  }

  createLoadBalancedPort(options: LoadBalancedPortOptions): PortId {
    const { cqDepth, eventStateEntries = cqDepth } = readOptions('options', options, ['cqDepth', 'eventStateEntries'])
    const m = this.#m
    checkDepth(cqDepth)
    checkInteger('eventStateEntries', eventStateEntries, 1, maxEntriesPerPort)
    const id = m[word.ldbPortsMade]
    checkLeft(id < this.#config.loadBalancedPorts, 'loadBalancedPorts', this.#config.loadBalancedPorts)
    checkLeft(eventStateEntries <= this.#entriesLeft, 'eventStateEntries', this.#config.eventStateEntries)
    const slots = Layout.portRings(false, cqDepth, eventStateEntries)
    const at = this.#createPort(id, cqDepth, slots.ring, slots.tx)
    m[at + own.entries] = eventStateEntries
    m[at + own.meta] = this.#takeRing(slots.ring * 2)
    m[word.ldbPortsMade] = id + 1
    this.#entriesLeft -= eventStateEntries
    return { kind: 'load-balanced', id }
  }

  /** A directed queue and its port have the same number, as on the hardware. */
  createDirectedPort(options: DirectedPortOptions): PortId {
    const { cqDepth, queue: consumed } = readOptions('options', options, ['cqDepth', 'queue'])
    checkDepth(cqDepth)
    const id = consumed === undefined ? this.#freeDirected() : this.#unconsumed(consumed)
    const slots = Layout.portRings(true, cqDepth, 0)
    this.#createPort(this.#config.loadBalancedPorts + id, cqDepth, slots.ring, slots.tx)
    const at = this.#directedQueue(id)
    this.#m[at + queue.made] = 1
    this.#m[at + queue.consumer] = this.#config.loadBalancedPorts + id + 1
    return { kind: 'directed', id }
  }

  #createPort(p: number, depth: number, ringSlots: number, txSlots: number): number {
    const m = this.#m
    const at = this.#layout.own + p * own.stride
    m[at + own.depth] = depth
    m[at + own.ring] = this.#takeRing(ringSlots * 4)
    m[at + own.ringMask] = ringSlots - 1
    m[at + own.txRing] = this.#takeRing(txSlots * 4)
    m[at + own.txMask] = txSlots - 1
    m[at + own.made] = 1
    m[word.enabled + (p >> 5)] |= 1 << (p & 31)
    return at
  }

  #takeRing(words: number): number {
    const start = this.#nextRing
    this.#nextRing += words
    return start
  }

  #directedQueue(id: number): number {
    return this.#layout.queue + (this.#config.loadBalancedQueues + id) * queue.stride
  }

  #freeDirected(): number {
    const { directedPorts } = this.#config
    let id = 0
    while (id < directedPorts && this.#m[this.#directedQueue(id) + queue.made] !== 0) id++
    checkLeft(id < directedPorts, 'directedPorts', directedPorts)
    return id
  }

  #unconsumed(consumed: QueueId): number {
    const wanted = readQueueId(consumed)
    const { kind, id } = wanted
    const at = this.#directedQueue(id)
    const isKnown = kind === 'directed' && id < this.#config.directedPorts && this.#m[at + queue.made] !== 0
    if (!isKnown) throw unknownQueue(wanted)
    if (this.#m[at + queue.consumer] !== 0) throw consumedQueue(id)
    return id
  }
}
