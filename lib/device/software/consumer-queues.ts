import type { Backlog } from './backlog.ts'
import type { Journal } from './journal.ts'
import { type Layout, own, port, queue, word } from './layout.ts'

/**
 * The ports' consumer queues (CQs), as the scheduler fills them. One ring per port serves as CQ and
 * as history:
 *
 *        completed        head         tail
 *     ──────┼─ unreleased ──┼──── CQ ────┼──►     tail − head ≤ depth, tail − completed ≤ entries
 *
 * For each event, the ring of a load-balanced port also holds what its completion will need: its
 * queue and scheduling type, and its flow or sequence number.
 *
 * The rings are private to the holder of the lock. Tails become public when the pass is published;
 * the ports write the heads.
 */
export class ConsumerQueues {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #journal: Journal
  readonly #ldbPorts: number
  /** The ports that this pass has changed and has to publish. */
  readonly #touched: Int32Array
  readonly #isTouched: Uint8Array
  #touchedCount = 0
  /** The port whose commands are being taken in; -1 if none are. */
  sender = -1
  /**
   * By port: the stretch of the pass, numbered by `#stretch`, in which its head was last read. One
   * read per stretch is enough.
   */
  readonly #readInStretch: Int32Array
  #stretch = 0

  constructor(memory: Int32Array, layout: Layout, journal: Journal) {
    this.#m = memory
    this.#layout = layout
    this.#journal = journal
    this.#ldbPorts = layout.config.loadBalancedPorts
    this.#touched = new Int32Array(layout.ports)
    this.#isTouched = new Uint8Array(layout.ports)
    this.#readInStretch = new Int32Array(layout.ports)
  }

  get touchedCount(): number {
    return this.#touchedCount
  }

  touchedPort(i: number): number {
    return this.#touched[i]
  }

  forgetTouched(): void {
    for (let i = 0; i < this.#touchedCount; i++) this.#isTouched[this.#touched[i]] = 0
    this.#touchedCount = 0
  }

  /** Begins a stretch: heads are read again when their CQs seem full. */
  rereadHeads(): void {
    this.#stretch = (this.#stretch + 1) | 0
  }

  /** Journals a port's private counters, once a pass. They can then be changed freely. */
  touch(p: number): void {
    if (this.#isTouched[p] === 1) return
    this.#isTouched[p] = 1
    this.#touched[this.#touchedCount++] = p
    const at = this.#layout.own + p * own.stride
    this.#journal.save(at + own.txHead)
    this.#journal.save(at + own.tail)
    this.#journal.save(at + own.completed)
  }

  /**
   * The number of events, up to `wanted`, that port `p` has room for; 0 if it is disabled. Enabled
   * bits and links are read without Atomics, because a thread that changes one calls the scheduler
   * afterwards.
   */
  capacity(p: number, wanted: number): number {
    const m = this.#m
    if ((m[word.enabled + (p >> 5)] & (1 << (p & 31))) === 0) return 0
    const at = this.#layout.own + p * own.stride
    const tail = m[at + own.tail]
    let most = wanted
    if (p < this.#ldbPorts) {
      const entries = m[at + own.entries] - ((tail - m[at + own.completed]) | 0)
      if (entries < most) most = entries
    }
    let free = m[at + own.depth] - ((tail - m[at + own.headSeen]) | 0)
    if (free < most && this.#readInStretch[p] !== this.#stretch) {
      this.#readInStretch[p] = this.#stretch
      const head = Atomics.load(m, this.#layout.port + p * port.stride + port.head)
      m[at + own.headSeen] = head
      free = m[at + own.depth] - ((tail - head) | 0)
    }
    return free < most ? free : most
  }

  isLinked(q: number, p: number): boolean {
    const links = this.#m[this.#layout.queue + q * queue.stride + queue.links + (p >> 5)]
    return (links & (1 << (p & 31))) !== 0
  }

  /**
   * The linked, enabled port with the least load among those with room for an event; -1 if there is
   * none.
   */
  leastLoaded(q: number): number {
    const m = this.#m
    const at = this.#layout.queue + q * queue.stride
    const last = m[at + queue.lastPort]
    let best = 0x7fffffff
    let found = -1
    for (let w = 0; w * 32 < this.#ldbPorts; w++) {
      for (let bits = m[at + queue.links + w] & m[word.enabled + w]; bits !== 0; bits &= bits - 1) {
        const p = w * 32 + 31 - Math.clz32(bits & -bits)
        const mine = this.#layout.own + p * own.stride
        const load = (m[mine + own.tail] - m[mine + own.completed]) | 0
        // Among equals, the sender comes first: it is awake, and no other thread has to run. After
        // it, ports take turns by their numbers.
        const key = load * 128 + (p === this.sender ? 0 : 1 + ((p - last - 1) & 63))
        if (key < best && this.capacity(p, 1) > 0) {
          best = key
          found = p
        }
      }
    }
    return found
  }

  /** The only linked port that has room; -1 if there is none, or if there are several. */
  onlyTaker(q: number): number {
    const m = this.#m
    const at = this.#layout.queue + q * queue.stride
    let only = -1
    for (let w = 0; w * 32 < this.#ldbPorts; w++) {
      for (let bits = m[at + queue.links + w] & m[word.enabled + w]; bits !== 0; bits &= bits - 1) {
        const p = w * 32 + 31 - Math.clz32(bits & -bits)
        if (this.capacity(p, 1) === 0) continue
        if (only >= 0) return -1
        only = p
      }
    }
    return only
  }

  /**
   * Puts the event at word `source` into the CQ of `p`, which has room.
   * @param kind queue << 2 | scheduling type
   * @param state the event's flow or sequence number
   */
  put(p: number, source: number, kind: number, state: number): void {
    const m = this.#m
    this.touch(p)
    const at = this.#layout.own + p * own.stride
    const tail = m[at + own.tail]
    this.#copy(source, m[at + own.ring] + (tail & m[at + own.ringMask]) * 4)
    m[at + own.tail] = (tail + 1) | 0
    if (p >= this.#ldbPorts) return
    const meta = m[at + own.meta] + (tail & m[at + own.ringMask]) * 2
    m[meta] = kind
    m[meta + 1] = state
    m[this.#layout.queue + (kind >> 2) * queue.stride + queue.lastPort] = p
  }

  /**
   * Puts `n` events from a tx ring into the CQ of `p`, which has room for them. They need no state.
   */
  putRecords(p: number, base: number, mask: number, record: number, n: number, kind: number): void {
    const m = this.#m
    this.touch(p)
    const at = this.#layout.own + p * own.stride
    const tail = m[at + own.tail]
    const ring = m[at + own.ring]
    const ringMask = m[at + own.ringMask]
    for (let i = 0; i < n; i++) this.#copy(base + ((record + i) & mask) * 4, ring + ((tail + i) & ringMask) * 4)
    this.#advance(p, tail, n, kind)
  }

  /**
   * Does what `putRecords` does, with events from `n` linked cells, which it frees.
   * @returns the cell after them
   */
  putCells(p: number, backlog: Backlog, first: number, n: number, kind: number): number {
    const m = this.#m
    this.touch(p)
    const at = this.#layout.own + p * own.stride
    const tail = m[at + own.tail]
    const ring = m[at + own.ring]
    const ringMask = m[at + own.ringMask]
    let cell = first
    for (let i = 0; i < n; i++) {
      const next = backlog.next(cell)
      this.#copy(backlog.dataOf(cell), ring + ((tail + i) & ringMask) * 4)
      backlog.freeCell(cell)
      cell = next
    }
    this.#advance(p, tail, n, kind)
    return cell
  }

  #advance(p: number, tail: number, n: number, kind: number): void {
    const m = this.#m
    const at = this.#layout.own + p * own.stride
    m[at + own.tail] = (tail + n) | 0
    if (p >= this.#ldbPorts || n === 0) return
    const meta = m[at + own.meta]
    const ringMask = m[at + own.ringMask]
    for (let i = 0; i < n; i++) m[meta + ((tail + i) & ringMask) * 2] = kind
    m[this.#layout.queue + (kind >> 2) * queue.stride + queue.lastPort] = p
  }

  /** Copies an event's words, without the command. */
  #copy(source: number, slot: number): void {
    const m = this.#m
    m[slot] = m[source]
    m[slot + 1] = m[source + 1]
    m[slot + 2] = m[source + 2]
    m[slot + 3] = m[source + 3] & 0xffffff
  }
}
