import { SchedulingType } from '../event-buffer.ts'
import { Backlog } from './backlog.ts'
import { Flows } from './flows.ts'
import type { Journal } from './journal.ts'
import { type Layout, own, port, queue, word } from './layout.ts'
import { Order } from './order.ts'

const never = 0x7fffffff

/** Sources of a queue's next event. The first two are the backlog's classes. */
const parallel = 0
const atomic = 1
const loose = 2

/**
 * Decides which port gets which event. Private to the holder of the lock; what it changes becomes visible when the pass
 * is published.
 *
 * Of the events that some port can take now, the next one scheduled is that with the best link priority, then the best
 * event priority; it goes to the port with the least load among those that can take it. A port can take an event if it is
 * enabled and linked to the queue, has room in its CQ, and an event-state entry left. An atomic event whose flow is
 * pinned can go to that port alone.
 *
 * Cost per event: O(1) in the number of events; O(ports linked to its queue); with several busy queues, times those.
 */
export class Dispatcher {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #journal: Journal
  readonly backlog: Backlog
  readonly #flows: Flows
  readonly #order: Order
  readonly #ldbQueues: number
  readonly #ldbPorts: number
  /** Ports that this pass has changed, to publish. */
  readonly #touched: Int32Array
  readonly #isTouched: Uint8Array
  #touchedCount = 0
  /** Where `#findCandidate` found its event. */
  #candidatePort = 0
  #candidateSource = 0

  constructor(memory: Int32Array, layout: Layout, journal: Journal) {
    this.#m = memory
    this.#layout = layout
    this.#journal = journal
    this.backlog = new Backlog(memory, layout, journal)
    this.#flows = new Flows(memory, layout, journal, this.backlog)
    this.#order = new Order(memory, layout, journal)
    this.#ldbQueues = layout.config.loadBalancedQueues
    this.#ldbPorts = layout.config.loadBalancedPorts
    this.#touched = new Int32Array(layout.ports)
    this.#isTouched = new Uint8Array(layout.ports)
  }

  beginPass(): void {
    this.forgetTouched()
    this.backlog.beginPass()
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

  /** Saves a port's private counters, once a pass, so that they can then be changed freely. */
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
   * Takes in an event: straight to a port if nothing waits before it, else into the backlog.
   * @param source the word where its data is; @param cell the cell that holds them, -1 if none does.
   */
  accept(source: number, cell: number): void {
    const m = this.#m
    const target = m[source + 2] >>> 16
    const type = (target >>> 8) & 3
    if (type === SchedulingType.directed) {
      const q = this.#ldbQueues + (target & 0xff)
      const at = this.#layout.queue + q * queue.stride
      const p = m[at + queue.consumer] - 1
      if (m[at + queue.depth] === 0 && this.#canConsume(p)) this.#place(p, source, cell)
      else this.#push(q, parallel, target >>> 10, source, cell)
      return
    }
    const q = target & 0xff
    if (m[word.ldbBusy] === 0) {
      const flowId = m[source + 3] & 0xffff
      const p = this.#portFor(q, type, flowId)
      if (p >= 0) {
        this.#schedule(q, p, source, cell)
        return
      }
    }
    this.#push(q, type === SchedulingType.atomic ? atomic : parallel, target >>> 10, source, cell)
  }

  /**
   * Completes the oldest uncompleted event of load-balanced port `p`.
   * @param source the word where its successor is, if it was forwarded; -1 if it was released.
   */
  complete(p: number, source: number): void {
    const m = this.#m
    this.touch(p)
    const at = this.#layout.own + p * own.stride
    const meta = m[at + own.meta] + (m[at + own.completed] & m[at + own.ringMask]) * 2
    m[at + own.completed] = (m[at + own.completed] + 1) | 0
    const type = m[meta] & 3
    if (type === SchedulingType.ordered) {
      const q = m[meta] >> 2
      this.#order.complete(q, m[meta + 1], source < 0 ? -1 : this.backlog.takeCell(source))
      this.flush(q)
      return
    }
    if (type === SchedulingType.atomic) this.#flows.complete(m[meta + 1])
    if (source >= 0) this.accept(source, -1)
  }

  /** Lets an ordered queue's completed events leave, in order. @returns false if the journal is full before the end. */
  flush(q: number): boolean {
    while (!this.#journal.nearlyFull()) {
      const cell = this.#order.takeNext(q)
      if (cell < 0) return true
      this.accept(this.backlog.dataOf(cell), cell)
    }
    return false
  }

  /** Schedules what waits and finds room. @returns false if the journal is full before the end. */
  dispatch(): boolean {
    const m = this.#m
    // Before heads are read for the last time: see Scheduler, "No lost room".
    if (m[word.backlog] === 0) Atomics.store(m, word.backlog, 1)
    return this.#dispatchDirected() && this.#dispatchLoadBalanced()
  }

  #dispatchDirected(): boolean {
    const m = this.#m
    for (let w = 0; w < 2; w++) {
      for (let bits = m[word.dirBusy + w]; bits !== 0; bits &= bits - 1) {
        const q = this.#ldbQueues + w * 32 + lowest(bits)
        const at = this.#layout.queue + q * queue.stride
        const p = m[at + queue.consumer] - 1
        while (m[at + queue.depth] > 0 && this.#canConsume(p)) {
          if (this.#journal.nearlyFull()) return false
          const cell = this.backlog.shift(q, parallel, lowest(m[at + queue.mask]))
          this.#place(p, this.backlog.dataOf(cell), cell)
          this.backlog.removed(q)
        }
      }
    }
    return true
  }

  #dispatchLoadBalanced(): boolean {
    const m = this.#m
    // Queues for which no port has room. Scheduling takes room and never makes any, so they stay so.
    let stuck = 0
    for (;;) {
      if (this.#journal.nearlyFull()) return false
      let best = never
      let bestQueue = -1
      let bestPort = 0
      let bestSource = 0
      for (let bits = m[word.ldbBusy] & ~stuck; bits !== 0; bits &= bits - 1) {
        const q = lowest(bits)
        const key = this.#findCandidate(q)
        if (key === never) stuck |= 1 << q
        if (key < best) {
          best = key
          bestQueue = q
          bestPort = this.#candidatePort
          bestSource = this.#candidateSource
        }
      }
      const blocked = this.#findBlocked(best)
      if (blocked !== 0) this.#scheduleBlocked(blocked, this.#flows.portOf(blocked))
      else if (bestQueue >= 0) this.#scheduleFirst(bestQueue, bestPort, bestSource)
      else return true
    }
  }

  /** The queue's best event that a port can take, and that port. @returns its key, the lower the better; `never` if none. */
  #findCandidate(q: number): number {
    let open = 7
    while (open !== 0) {
      const source = this.#bestSource(q, open)
      if (source < 0) return never
      const p = this.#portForFirst(q, source)
      if (p >= 0) {
        this.#candidatePort = p
        this.#candidateSource = source
        return this.#linkPriority(q, p) * 8 + this.#sourcePriority(q, source)
      }
      // A blocked flow's event has left the atomic class; what follows it may be free to go.
      if (p === -1) open &= ~(1 << source)
    }
    return never
  }

  /** The source with the best priority among the open ones that have events; equals take turns. -1 if none has. */
  #bestSource(q: number, open: number): number {
    const last = this.#m[this.#layout.queue + q * queue.stride + queue.lastClass]
    let best = 8
    let source = -1
    for (let turn = 1; turn <= 3; turn++) {
      const candidate = (last + turn) % 3
      if ((open & (1 << candidate)) === 0) continue
      const priority = this.#sourcePriority(q, candidate)
      if (priority < best) {
        best = priority
        source = candidate
      }
    }
    return source
  }

  /** The priority of a source's next event, 8 if it has none. */
  #sourcePriority(q: number, source: number): number {
    const m = this.#m
    if (source === loose) {
      const f = this.#flows.firstLoose(q)
      return f === 0 ? 8 : (m[this.backlog.dataOf(this.#flows.firstBlocked(f)) + 2] >>> 26) & 7
    }
    const mask = (m[this.#layout.queue + q * queue.stride + queue.mask] >>> (source * 8)) & 0xff
    return mask === 0 ? 8 : lowest(mask)
  }

  /** The port for a source's next event; -1 if none can take it; -2 if the event went to its flow's blocked ones. */
  #portForFirst(q: number, source: number): number {
    const m = this.#m
    if (source === loose) return this.#leastLoaded(q)
    const priority = this.#sourcePriority(q, source)
    const data = this.backlog.dataOf(this.backlog.first(q, source, priority))
    const p = this.#portFor(q, (m[data + 2] >>> 24) & 3, m[data + 3] & 0xffff)
    if (p >= 0 || source !== atomic) return p
    const f = this.#flows.find(q, m[data + 3] & 0xffff)
    if (f === 0) return -1
    this.#flows.block(f, this.backlog.shift(q, atomic, priority))
    return -2
  }

  /** The port that gets an event of this kind now, -1 if none can. */
  #portFor(q: number, type: number, flowId: number): number {
    if (type === SchedulingType.atomic) {
      const f = this.#flows.find(q, flowId)
      if (f !== 0) {
        // Behind the flow's blocked or loose events, nothing of it may overtake.
        const p = this.#flows.hasBlocked(f) ? -1 : this.#flows.portOf(f)
        return p >= 0 && this.#canTake(q, p) ? p : -1
      }
    } else if (type === SchedulingType.ordered && !this.#order.hasNumber(q)) return -1
    return this.#leastLoaded(q)
  }

  #leastLoaded(q: number): number {
    const m = this.#m
    const at = this.#layout.queue + q * queue.stride
    const last = m[at + queue.lastPort]
    let best = never
    let port = -1
    for (let w = 0; w * 32 < this.#ldbPorts; w++) {
      let bits = Atomics.load(m, at + queue.links + w) & Atomics.load(m, word.enabled + w)
      for (; bits !== 0; bits &= bits - 1) {
        const p = w * 32 + lowest(bits)
        if (!this.#hasEntry(p) || !this.#hasRoom(p)) continue
        // Among equals, the one that was served longest ago by the order of numbers.
        const key = this.#load(p) * 64 + ((p - last - 1) & 63)
        if (key < best) {
          best = key
          port = p
        }
      }
    }
    return port
  }

  /** The flow whose blocked event has a better key than `best` and finds room at its port; 0 if none. */
  #findBlocked(best: number): number {
    const m = this.#m
    let found = 0
    for (let w = 0; w < 2; w++) {
      for (let bits = m[word.blockedPorts + w]; bits !== 0; bits &= bits - 1) {
        const p = w * 32 + lowest(bits)
        const f = this.#flows.firstAtPort(p)
        const q = this.#flows.queueOf(f)
        if (!this.#canTake(q, p)) continue
        const data = this.backlog.dataOf(this.#flows.firstBlocked(f))
        const key = this.#linkPriority(q, p) * 8 + ((m[data + 2] >>> 26) & 7)
        if (key <= best) {
          best = key - 1
          found = f
        }
      }
    }
    return found
  }

  #scheduleFirst(q: number, p: number, source: number): void {
    this.#m[this.#layout.queue + q * queue.stride + queue.lastClass] = source
    if (source === loose) {
      this.#scheduleBlocked(this.#flows.firstLoose(q), p)
      return
    }
    const cell = this.backlog.shift(q, source, this.#sourcePriority(q, source))
    this.#schedule(q, p, this.backlog.dataOf(cell), cell)
    this.backlog.removed(q)
  }

  #scheduleBlocked(f: number, p: number): void {
    const q = this.#flows.queueOf(f)
    const cell = this.#flows.unblock(f, p)
    this.#setMeta(q, p, SchedulingType.atomic, f)
    this.#place(p, this.backlog.dataOf(cell), cell)
    this.backlog.removed(q)
  }

  #schedule(q: number, p: number, source: number, cell: number): void {
    const m = this.#m
    const type = (m[source + 2] >>> 24) & 3
    let state = 0
    if (type === SchedulingType.atomic) state = this.#flows.schedule(q, m[source + 3] & 0xffff, p)
    else if (type === SchedulingType.ordered) state = this.#order.assign(q)
    this.#setMeta(q, p, type, state)
    this.#place(p, source, cell)
  }

  /** What completing the event that is about to be placed will need: its queue and type; its flow or sequence number. */
  #setMeta(q: number, p: number, type: number, state: number): void {
    const m = this.#m
    const at = this.#layout.own + p * own.stride
    const meta = m[at + own.meta] + (m[at + own.tail] & m[at + own.ringMask]) * 2
    m[meta] = (q << 2) | type
    m[meta + 1] = state
    m[this.#layout.queue + q * queue.stride + queue.lastPort] = p
  }

  #place(p: number, source: number, cell: number): void {
    const m = this.#m
    this.touch(p)
    const at = this.#layout.own + p * own.stride
    const tail = m[at + own.tail]
    const slot = m[at + own.ring] + (tail & m[at + own.ringMask]) * 4
    m[slot] = m[source]
    m[slot + 1] = m[source + 1]
    m[slot + 2] = m[source + 2]
    m[slot + 3] = m[source + 3] & 0xffffff
    m[at + own.tail] = (tail + 1) | 0
    if (cell >= 0) this.backlog.freeCell(cell)
  }

  #push(q: number, cls: number, priority: number, source: number, cell: number): void {
    this.backlog.push(q, cls, priority & 7, cell >= 0 ? cell : this.backlog.takeCell(source))
  }

  #canTake(q: number, p: number): boolean {
    const m = this.#m
    const bit = 1 << (p & 31)
    const links = Atomics.load(m, this.#layout.queue + q * queue.stride + queue.links + (p >> 5))
    const enabled = Atomics.load(m, word.enabled + (p >> 5))
    return (links & enabled & bit) !== 0 && this.#hasEntry(p) && this.#hasRoom(p)
  }

  /** For a directed queue's port, -1 if it has none. */
  #canConsume(p: number): boolean {
    return p >= 0 && (Atomics.load(this.#m, word.enabled + (p >> 5)) & (1 << (p & 31))) !== 0 && this.#hasRoom(p)
  }

  #load(p: number): number {
    const at = this.#layout.own + p * own.stride
    return (this.#m[at + own.tail] - this.#m[at + own.completed]) | 0
  }

  #hasEntry(p: number): boolean {
    return this.#load(p) < this.#m[this.#layout.own + p * own.stride + own.entries]
  }

  #hasRoom(p: number): boolean {
    const m = this.#m
    const at = this.#layout.own + p * own.stride
    const tail = m[at + own.tail]
    const depth = m[at + own.depth]
    if (((tail - m[at + own.headSeen]) | 0) < depth) return true
    const head = Atomics.load(m, this.#layout.port + p * port.stride + port.head)
    m[at + own.headSeen] = head
    return ((tail - head) | 0) < depth
  }

  #linkPriority(q: number, p: number): number {
    return Atomics.load(this.#m, this.#layout.links + p * this.#ldbQueues + q) - 1
  }
}

/** The number of the lowest bit that is set. */
function lowest(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}
