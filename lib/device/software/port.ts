import type { NativeAddon } from '../../native.ts'
import { checkCallback, checkInteger } from '../check.ts'
import type { Port, PortId, QueueId } from '../device.ts'
import { checkBuffer, type EventBuffer, rangeError, SchedulingType } from '../event-buffer.ts'
import {
  domainClosed,
  maxLinks,
  notStarted,
  portDetached,
  readLinkedQueue,
  releaseExceeded,
  tooManyLinks,
  unknownQueue,
} from '../validate.ts'
import { Command } from './credits.ts'
import { DomainState, type Layout, own, port, queue, word } from './layout.ts'
import { Readable } from './readable.ts'
import { releaseChunk, type Scheduler } from './scheduler.ts'
import { Targets } from './targets.ts'

const none = -2

/**
 * A port as its thread uses it. It writes the port's tx ring, receives from the port's CQ, and
 * leaves everything else to the scheduler. It neither waits nor locks.
 */
export class SoftwarePort implements Port {
  readonly id: PortId
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #scheduler: Scheduler
  readonly #targets: Targets
  readonly #readable: Readable
  readonly #onDetach: (port: SoftwarePort) => void
  /**
   * The owner's number; `none` once detached, because the thread may have attached the port again
   * through another object.
   */
  #thread: number
  readonly #index: number
  readonly #directed: boolean
  readonly #domainKey: number
  readonly #pub: number
  readonly #depth: number
  readonly #ring: number
  readonly #ringMask: number
  readonly #txRing: number
  readonly #txMask: number
  /** The number of slots of the tx ring that sends leave free for releases. */
  readonly #entries: number
  #head: number
  /** Completions posted, mod 2^32. */
  #done: number
  /** A bit for each scheduling type among the events received and not released. */
  #typesOwed: number
  #started = false
  #sends = false

  constructor(
    id: PortId,
    index: number,
    thread: number,
    memory: Int32Array,
    layout: Layout,
    scheduler: Scheduler,
    addon: NativeAddon | null,
    onDetach: (port: SoftwarePort) => void,
  ) {
    this.id = id
    this.#index = index
    this.#thread = thread
    this.#m = memory
    this.#layout = layout
    this.#scheduler = scheduler
    this.#onDetach = onDetach
    this.#directed = id.kind === 'directed'
    this.#domainKey = memory[word.domainKey]
    this.#pub = layout.port + index * port.stride
    const at = layout.own + index * own.stride
    this.#depth = memory[at + own.depth]
    this.#ring = memory[at + own.ring]
    this.#ringMask = memory[at + own.ringMask]
    this.#txRing = memory[at + own.txRing]
    this.#txMask = memory[at + own.txMask]
    this.#entries = memory[at + own.entries]
    this.#head = Atomics.load(memory, this.#pub + port.head)
    this.#done = memory[this.#pub + port.done]
    this.#typesOwed = this.unreleased > 0 ? -1 : 0
    this.#targets = new Targets(memory, layout)
    this.#readable = new Readable(memory, this.#pub, addon, () => this.#isReadable())
  }

  get unreleased(): number {
    return this.#directed ? 0 : (this.#head - this.#done) | 0
  }

  send(events: EventBuffer, count: number, offset = 0): number {
    return this.#post(events, count, offset, Command.enqueue)
  }

  forward(events: EventBuffer, count: number, offset = 0): number {
    if (this.#directed) return this.send(events, count, offset)
    this.#checkUse()
    this.#checkOwed(count, 'forward')
    return this.#post(events, count, offset, Command.forward)
  }

  receive(events: EventBuffer, max: number): number {
    this.#checkUse()
    this.#checkRange(events, max, 0)
    const m = this.#m
    for (;;) {
      const head = this.#head
      const queued = (Atomics.load(m, this.#pub + port.tail) - head) | 0
      if (queued === 0) this.#scheduler.poll()
      const n = queued < max ? queued : max
      if (n === 0) return 0
      const words = events.words
      let types = 0
      for (let i = 0; i < n; i++) {
        const from = this.#ring + ((head + i) & this.#ringMask) * 4
        const to = i * 4
        words[to] = m[from]
        words[to + 1] = m[from + 1]
        const target = m[from + 2]
        words[to + 2] = target
        types |= 1 << ((target >>> 24) & 3)
        words[to + 3] = m[from + 3]
      }
      const next = (head + n) | 0
      const before = Atomics.compareExchange(m, this.#pub + port.head, head, next)
      if (before !== head) {
        this.#checkUse()
        this.#head = before
        continue
      }
      this.#head = next
      this.#typesOwed |= types
      // If the CQ is not empty, the port will receive again, and leaves the scheduling to the
      // threads that send. A port without a free entry gets nothing until it releases.
      const open = this.#directed || ((head + queued - this.#done) | 0) < this.#entries
      if (n === queued && open && Atomics.load(m, word.backlog) !== 0) this.#scheduler.kick(this.#index)
      return n
    }
  }

  release(count: number): void {
    this.#checkUse()
    checkInteger('count', count, 0, 0x7fffffff)
    this.#checkOwed(count, 'release')
    if (count === 0) return
    const m = this.#m
    const tail = Atomics.load(m, this.#pub + port.tx) & 0xffff
    const records = Math.ceil(count / releaseChunk)
    for (let i = 0, left = count; i < records; i++, left -= releaseChunk) {
      const record = this.#txRing + ((tail + i) & this.#txMask) * 4
      m[record] = Math.min(left, releaseChunk)
      m[record + 3] = Command.release << 24
    }
    this.#publish(tail, records)
    this.#completed(count)
    this.#scheduler.mark(this.#index)
    if (this.#isAwaited(count)) this.#scheduler.run(this.#index)
    if (this.unreleased === 0) this.#typesOwed = 0
  }

  /**
   * Whether the release can let other events go: ordered events, which show in no backlog; events
   * of a flow; or events for which the port had no entry.
   */
  #isAwaited(released: number): boolean {
    if ((this.#typesOwed & (1 << SchedulingType.ordered)) !== 0) return true
    const m = this.#m
    if (Atomics.load(m, word.backlog) === 0) return false
    if ((this.#typesOwed & (1 << SchedulingType.atomic)) !== 0) return true
    const tail = Atomics.load(m, this.#pub + port.tail)
    return ((tail - this.#done + released) | 0) >= this.#entries && ((tail - this.#head) | 0) < this.#depth
  }

  onReadable(callback: (() => void) | null): void {
    this.#checkUse()
    checkCallback(callback)
    this.#readable.set(callback)
  }

  ref(): void {
    this.#readable.ref()
  }

  unref(): void {
    this.#readable.unref()
  }

  link(to: QueueId, priority = 0): void {
    this.#checkUse()
    checkInteger('priority', priority, 0, 7)
    const q = this.#linkable(to)
    const m = this.#m
    const queues = this.#layout.config.loadBalancedQueues
    const row = this.#layout.links + this.#index * queues
    if (m[row + q] === 0) {
      let links = 0
      for (let i = 0; i < queues; i++) if (m[row + i] !== 0) links++
      if (links === maxLinks) throw tooManyLinks()
    }
    // The priority is set first, so that a thread that sees the link also sees its priority.
    Atomics.store(m, row + q, priority + 1)
    Atomics.or(m, this.#linkWord(q), 1 << (this.#index & 31))
    this.#scheduler.kick(this.#index)
  }

  unlink(from: QueueId): void {
    this.#checkUse()
    const q = this.#linkable(from)
    Atomics.and(this.#m, this.#linkWord(q), ~(1 << (this.#index & 31)))
    Atomics.store(this.#m, this.#layout.links + this.#index * this.#layout.config.loadBalancedQueues + q, 0)
    this.#scheduler.kick(this.#index)
  }

  enable(): void {
    this.#checkUse()
    Atomics.or(this.#m, word.enabled + (this.#index >> 5), 1 << (this.#index & 31))
    this.#scheduler.kick(this.#index)
  }

  disable(): void {
    this.#checkUse()
    Atomics.and(this.#m, word.enabled + (this.#index >> 5), ~(1 << (this.#index & 31)))
  }

  detach(): void {
    const thread = this.#thread
    if (thread === none) return
    this.#readable.set(null)
    this.#thread = none
    if (Atomics.compareExchange(this.#m, this.#pub + port.owner, thread, 0) === thread) this.#onDetach(this)
  }

  #isReadable(): boolean {
    const m = this.#m
    if (Atomics.load(m, this.#pub + port.owner) === this.#thread) {
      return Atomics.load(m, this.#pub + port.tail) !== this.#head
    }
    // The domain was closed.
    this.#readable.set(null)
    return false
  }

  /**
   * Writes events to the tx ring, as many as there are credits and room for, and has them
   * scheduled.
   */
  #post(events: EventBuffer, count: number, offset: number, command: number): number {
    this.#checkUse()
    this.#checkStarted()
    this.#checkRange(events, count, offset)
    this.#targets.check(events.words, offset, count)
    const m = this.#m
    if (!this.#sends) {
      Atomics.store(m, this.#pub + port.sends, 1)
      this.#sends = true
    }
    let sent = 0
    let asked = false
    for (;;) {
      const tx = Atomics.load(m, this.#pub + port.tx)
      const tail = tx & 0xffff
      const used = (tail - Atomics.load(m, this.#pub + port.txHead)) & 0xffff
      const n = Math.min(count - sent, tx >>> 16, this.#txMask + 1 - this.#entries - used)
      if (n > 0) {
        this.#copy(events.words, offset + sent, n, tail, command)
        const next = ((tx - (n << 16)) & 0xffff0000) | ((tail + n) & 0xffff)
        // The holder also changes this word, when it grants or revokes credits. In that case it is
        // read again.
        if (Atomics.compareExchange(m, this.#pub + port.tx, tx, next) !== tx) continue
        if (command === Command.forward) this.#completed(n)
        sent += n
        asked = false
        if (sent < count) continue
      }
      if (asked || count === 0) return sent
      this.#scheduler.kick(this.#index)
      if (sent === count) return sent
      asked = true
    }
  }

  #copy(words: Int32Array, first: number, n: number, tail: number, command: number): void {
    const m = this.#m
    for (let i = 0; i < n; i++) {
      const from = (first + i) * 4
      const to = this.#txRing + ((tail + i) & this.#txMask) * 4
      m[to] = words[from]
      m[to + 1] = words[from + 1]
      m[to + 2] = words[from + 2]
      m[to + 3] = (words[from + 3] & 0xffffff) | (command << 24)
    }
  }

  /** Publishes records behind `tail` that spend no credits. */
  #publish(tail: number, records: number): void {
    const m = this.#m
    let seen = Atomics.load(m, this.#pub + port.tx)
    for (;;) {
      const next = (seen & 0xffff0000) | ((tail + records) & 0xffff)
      const before = Atomics.compareExchange(m, this.#pub + port.tx, seen, next)
      if (before === seen) return
      seen = before
    }
  }

  #completed(count: number): void {
    this.#done = (this.#done + count) | 0
    this.#m[this.#pub + port.done] = this.#done
  }

  #linkWord(q: number): number {
    return this.#layout.queue + q * queue.stride + queue.links + (this.#index >> 5)
  }

  #linkable(wanted: QueueId): number {
    const id = readLinkedQueue(wanted, this.id)
    if (id >= this.#m[word.ldbQueuesMade]) throw unknownQueue({ kind: 'load-balanced', id })
    return id
  }

  #checkUse(): void {
    const owner = Atomics.load(this.#m, this.#pub + port.owner)
    if (owner === this.#thread) return
    throw owner === -1 ? domainClosed() : portDetached()
  }

  #checkStarted(): void {
    if (this.#started) return
    if (Atomics.load(this.#m, word.state) !== DomainState.started) throw notStarted()
    this.#started = true
  }

  #checkRange(events: EventBuffer, count: number, offset: number): void {
    checkBuffer(events, this.#domainKey)
    const whole = Number.isInteger(count) && Number.isInteger(offset)
    // `words` is asked, and not `length`, because the memory may have been transferred away.
    if (whole && count >= 0 && offset >= 0 && count + offset <= events.words.length >> 2) return
    throw rangeError(events, count, offset)
  }

  #checkOwed(count: number, verb: string): void {
    if (typeof count !== 'number' || !(count > this.unreleased)) return
    throw releaseExceeded(this.id, verb, count, this.unreleased)
  }
}
