import { SchedulingType } from '../event-buffer.ts'
import { type Backlog, Class } from './backlog.ts'
import type { ConsumerQueues } from './consumer-queues.ts'
import type { Flows } from './flows.ts'
import type { Journal } from './journal.ts'
import { type Layout, queue, word } from './layout.ts'
import type { Order } from './order.ts'

const never = 0x7fffffff
/** A third source of a queue's next event, beside the backlog's two classes: its loose flows. */
const loose = 2
const sources = 3

/** What `#portForFirst` returns if there is no port. */
const none = -1
const moved = -2

/**
 * Decides which port gets which event. It is private to the holder of the lock.
 *
 * Among the events that some port can take now, each queue offers the first one of a list with its
 * best event priority. Each flow that waits for room at its port also offers its first event. The
 * offer with the best link priority is scheduled next; among equals, the one with the best event
 * priority. An event behind the first of its list is not offered, even if its flow is at a port
 * with a better link, because a search for it would cost O(waiting events). An event goes to the
 * port with the least load among those that can take it. A port can take an event if it is enabled
 * and linked to the queue, and has room in its CQ and an event-state entry left. An atomic event
 * whose flow is pinned to a port can go to that port only.
 *
 * The cost per event does not depend on the number of events; it is O(ports linked to its queue),
 * times the number of busy queues if there are several.
 */
export class Dispatcher {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #journal: Journal
  readonly #backlog: Backlog
  readonly #flows: Flows
  readonly #order: Order
  readonly #queues: ConsumerQueues
  readonly #ldbQueues: number
  /** Where `#findCandidate` found its event. */
  #candidatePort = 0
  #candidateSource = 0

  constructor(
    memory: Int32Array,
    layout: Layout,
    journal: Journal,
    backlog: Backlog,
    flows: Flows,
    order: Order,
    queues: ConsumerQueues,
  ) {
    this.#m = memory
    this.#layout = layout
    this.#journal = journal
    this.#backlog = backlog
    this.#flows = flows
    this.#order = order
    this.#queues = queues
    this.#ldbQueues = layout.config.loadBalancedQueues
  }

  /** The port that gets an event of this kind now; -1 if no port can take it. */
  portFor(q: number, type: number, flowId: number): number {
    if (type === SchedulingType.directed) {
      const p = this.#consumer(q)
      return p >= 0 && this.#queues.capacity(p, 1) > 0 ? p : none
    }
    if (type === SchedulingType.atomic) {
      const f = this.#flows.find(q, flowId)
      if (f !== 0) {
        // The flow's blocked or loose events come first: no event of the flow may overtake them.
        const p = this.#flows.hasBlocked(f) ? none : this.#flows.portOf(f)
        return p >= 0 && this.#canTake(q, p) ? p : none
      }
    } else if (type === SchedulingType.ordered && !this.#order.hasNumber(q)) return none
    return this.#queues.leastLoaded(q)
  }

  /**
   * The port that gets all events of this kind, if they need no state and only one port can take
   * them; else -1.
   */
  onlyTaker(q: number, type: number): number {
    if (type === SchedulingType.directed) return this.#consumer(q)
    return type === SchedulingType.unordered ? this.#queues.onlyTaker(q) : none
  }

  /**
   * Puts an event into the CQ of the port that `portFor` found.
   * @param cell the cell that holds the event, which is freed; -1 if none does
   */
  schedule(q: number, p: number, source: number, cell: number): void {
    const m = this.#m
    const type = (m[source + 2] >>> 24) & 3
    let state = 0
    if (type === SchedulingType.atomic) state = this.#flows.schedule(q, m[source + 3] & 0xffff, p)
    else if (type === SchedulingType.ordered) state = this.#order.assign(q)
    this.#queues.put(p, source, (q << 2) | type, state)
    if (cell >= 0) this.#backlog.freeCell(cell)
  }

  /**
   * Schedules the waiting events that find room. @returns false if the journal is full before the
   * end
   */
  dispatch(): boolean {
    return this.#dispatchDirected() && this.#dispatchLoadBalanced()
  }

  #dispatchDirected(): boolean {
    const m = this.#m
    for (let w = 0; w < 2; w++) {
      for (let bits = m[word.dirBusy + w]; bits !== 0; bits &= bits - 1) {
        const q = this.#ldbQueues + w * 32 + lowest(bits)
        const at = this.#layout.queue + q * queue.stride
        while (m[at + queue.depth] > 0 && this.portFor(q, SchedulingType.directed, 0) >= 0) {
          if (this.#journal.nearlyFull()) return false
          this.#moveRun(q, this.#consumer(q), Class.parallel, lowest(m[at + queue.mask]), SchedulingType.directed)
        }
      }
    }
    return true
  }

  #dispatchLoadBalanced(): boolean {
    const m = this.#m
    // Queues for which no port has room. Scheduling uses up room and never makes any, so they stay
    // stuck.
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

  /**
   * Finds the queue's best event that a port can take, and that port.
   * @returns the event's key, the lower the better; `never` if there is none
   */
  #findCandidate(q: number): number {
    let open = (1 << sources) - 1
    for (;;) {
      const source = this.#bestSource(q, open)
      if (source < 0 || this.#journal.nearlyFull()) return never
      const p = this.#portForFirst(q, source)
      if (p >= 0) {
        this.#candidatePort = p
        this.#candidateSource = source
        return this.#linkPriority(q, p) * 8 + this.#priority(q, source)
      }
      if (p === none) open &= ~(1 << source)
    }
  }

  /**
   * The source with the best priority among the open ones that have events; sources of equal
   * priority take turns. -1 if none has events.
   */
  #bestSource(q: number, open: number): number {
    const last = this.#m[this.#layout.queue + q * queue.stride + queue.lastClass]
    let best = 8
    let source = -1
    for (let turn = 1; turn <= sources; turn++) {
      const candidate = (last + turn) % sources
      if ((open & (1 << candidate)) === 0) continue
      const priority = this.#priority(q, candidate)
      if (priority < best) {
        best = priority
        source = candidate
      }
    }
    return source
  }

  /** The priority of a source's next event; 8 if it has none. */
  #priority(q: number, source: number): number {
    if (source === loose) {
      const f = this.#flows.firstLoose(q)
      return f === 0 ? 8 : this.#priorityOf(this.#flows.firstBlocked(f))
    }
    const mask = (this.#m[this.#layout.queue + q * queue.stride + queue.mask] >>> (source * 8)) & 0xff
    return mask === 0 ? 8 : lowest(mask)
  }

  /**
   * The port for a source's next event. `moved`: the event had to join its flow's blocked ones, and
   * another event is next.
   */
  #portForFirst(q: number, source: number): number {
    const m = this.#m
    if (source === loose) return this.#queues.leastLoaded(q)
    const priority = this.#priority(q, source)
    const cell = this.#backlog.first(q, source, priority)
    const data = this.#backlog.dataOf(cell)
    const flowId = m[data + 3] & 0xffff
    const p = this.portFor(q, (m[data + 2] >>> 24) & 3, flowId)
    if (p >= 0 || source !== Class.atomic) return p
    const f = this.#flows.find(q, flowId)
    if (f === 0) return none
    this.#backlog.shift(q, Class.atomic, priority, 1, this.#backlog.next(cell))
    this.#flows.block(f, cell)
    return moved
  }

  /**
   * The flow whose blocked event has a key no worse than `best` and finds room at its port; 0 if
   * there is none.
   */
  #findBlocked(best: number): number {
    const m = this.#m
    let found = 0
    let least = best
    for (let w = 0; w < 2; w++) {
      for (let bits = m[word.blockedPorts + w]; bits !== 0; bits &= bits - 1) {
        const p = w * 32 + lowest(bits)
        if (this.#queues.capacity(p, 1) === 0) continue
        for (let queues = this.#flows.queuesBlockedAt(p); queues !== 0; queues &= queues - 1) {
          const q = lowest(queues)
          if (!this.#queues.isLinked(q, p)) continue
          const f = this.#flows.firstAtPort(p, q)
          const key = this.#linkPriority(q, p) * 8 + this.#priorityOf(this.#flows.firstBlocked(f))
          if (found === 0 ? key > least : key >= least) continue
          least = key
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
    const priority = this.#priority(q, source)
    const alone = this.#isAlone(q, this.#backlog.count(q, source, priority))
    if (
      alone &&
      this.onlyTaker(q, SchedulingType.unordered) === p &&
      this.#typeOfFirst(q, source, priority) === SchedulingType.unordered
    ) {
      this.#moveRun(q, p, source, priority, SchedulingType.unordered)
    } else this.#scheduleRun(q, p, source, priority, alone)
  }

  /** Moves events that need no state from a list to a port, as many as the port has room for. */
  #moveRun(q: number, p: number, cls: number, priority: number, type: number): void {
    const n = this.#queues.capacity(p, this.#backlog.count(q, cls, priority))
    const first = this.#backlog.first(q, cls, priority)
    const next = this.#queues.putCells(p, this.#backlog, first, n, (q << 2) | type)
    this.#backlog.shift(q, cls, priority, n, next)
    this.#backlog.removed(q, n)
  }

  /**
   * Schedules a list's first event to port `p`. If no other list has events, it continues with
   * those behind the first.
   */
  #scheduleRun(q: number, p: number, source: number, priority: number, alone: boolean): void {
    const m = this.#m
    const queued = this.#backlog.count(q, source, priority)
    let cell = this.#backlog.first(q, source, priority)
    let to = p
    let n = 0
    do {
      const next = this.#backlog.next(cell)
      this.schedule(q, to, this.#backlog.dataOf(cell), cell)
      cell = next
      if (++n === queued || !alone || this.#journal.nearlyFull()) break
      const data = this.#backlog.dataOf(cell)
      to = this.portFor(q, (m[data + 2] >>> 24) & 3, m[data + 3] & 0xffff)
    } while (to >= 0)
    this.#backlog.shift(q, source, priority, n, cell)
    this.#backlog.removed(q, n)
  }

  #scheduleBlocked(f: number, p: number): void {
    const q = this.#flows.queueOf(f)
    const cell = this.#flows.unblock(f, p)
    this.#queues.put(p, this.#backlog.dataOf(cell), (q << 2) | SchedulingType.atomic, f)
    this.#backlog.freeCell(cell)
    this.#backlog.removed(q, 1)
  }

  /** Whether `n` events are all that the load-balanced queues hold. */
  #isAlone(q: number, n: number): boolean {
    const m = this.#m
    return m[word.ldbBusy] === 1 << q && m[this.#layout.queue + q * queue.stride + queue.depth] === n
  }

  #typeOfFirst(q: number, cls: number, priority: number): number {
    const cell = this.#backlog.first(q, cls, priority)
    return (this.#m[this.#backlog.dataOf(cell) + 2] >>> 24) & 3
  }

  #priorityOf(cell: number): number {
    return (this.#m[this.#backlog.dataOf(cell) + 2] >>> 26) & 7
  }

  /** A directed queue's port; -1 if it has none. */
  #consumer(q: number): number {
    return this.#m[this.#layout.queue + q * queue.stride + queue.consumer] - 1
  }

  #canTake(q: number, p: number): boolean {
    return this.#queues.isLinked(q, p) && this.#queues.capacity(p, 1) > 0
  }

  #linkPriority(q: number, p: number): number {
    return Atomics.load(this.#m, this.#layout.links + p * this.#ldbQueues + q) - 1
  }
}

/** The number of the lowest set bit. */
function lowest(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}
