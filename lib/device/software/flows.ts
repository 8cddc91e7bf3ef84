import type { Backlog } from './backlog.ts'
import type { Journal } from './journal.ts'
import { flow, flowLists, type Layout, own, queue, word } from './layout.ts'

/**
 * Atomic flows: the port that each flow with uncompleted events is pinned to, and the flow's events
 * that found no room at that port. These are kept by flow, so that the queue's other flows can pass
 * them.
 *
 * A flow is in the table while it has uncompleted or blocked events. While it has blocked events,
 * it is also in one list, at the priority of the first of them: if the flow is pinned to a port, a
 * list of its queue's flows at that port; otherwise a list of its queue's loose flows.
 *
 * The table is private to the holder of the lock, and journaled. Flows are numbered from 1; 0 is
 * none.
 */
export class Flows {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #journal: Journal
  readonly #backlog: Backlog

  constructor(memory: Int32Array, layout: Layout, journal: Journal, backlog: Backlog) {
    this.#m = memory
    this.#layout = layout
    this.#journal = journal
    this.#backlog = backlog
  }

  /** The flow's number; 0 if no event of it is uncompleted or blocked. */
  find(q: number, flowId: number): number {
    const m = this.#m
    const key = (q << 16) | flowId
    let f = m[this.#bucket(key)]
    while (f !== 0 && m[this.#at(f) + flow.key] !== key) f = m[this.#at(f) + flow.chain]
    return f
  }

  /** The index of the port that the flow is pinned to; -1 if none. */
  portOf(f: number): number {
    return this.#m[this.#at(f) + flow.port] - 1
  }

  queueOf(f: number): number {
    return this.#m[this.#at(f) + flow.key] >>> 16
  }

  hasBlocked(f: number): boolean {
    return this.#m[this.#at(f) + flow.count] > 0
  }

  firstBlocked(f: number): number {
    return this.#m[this.#at(f) + flow.head]
  }

  /** A bit for each queue that has a flow waiting for room at port `p`. */
  queuesBlockedAt(p: number): number {
    return this.#m[this.#layout.own + p * own.stride + own.blocked]
  }

  /**
   * The flow of queue `q` with the best event among those that wait for room at port `p`; 0 if none
   * waits.
   */
  firstAtPort(p: number, q: number): number {
    return this.#first(this.#portLists(p, q))
  }

  /**
   * The flow of queue `q` with the best event among those that wait for any port; 0 if none waits.
   */
  firstLoose(q: number): number {
    return this.#first(this.#looseLists(q))
  }

  /**
   * Counts an event of the flow that goes to port `p`, and pins the flow there.
   * @returns the flow, which is created if it is not in the table
   */
  schedule(q: number, flowId: number, p: number): number {
    const m = this.#m
    let f = this.find(q, flowId)
    if (f === 0) f = this.#create((q << 16) | flowId)
    const at = this.#at(f)
    this.#journal.put(at + flow.port, p + 1)
    this.#journal.put(at + flow.uncompleted, m[at + flow.uncompleted] + 1)
    return f
  }

  /** Puts an event behind the flow's blocked ones. If there are none, the flow must be pinned. */
  block(f: number, cell: number): void {
    const m = this.#m
    const at = this.#at(f)
    const n = m[at + flow.count]
    if (n === 0) {
      this.#journal.put(at + flow.head, cell)
      this.#joinList(f)
    } else {
      this.#backlog.link(m[at + flow.tail], cell)
    }
    this.#journal.put(at + flow.tail, cell)
    this.#journal.put(at + flow.count, n + 1)
  }

  /**
   * Takes the first blocked event of a flow and pins the flow to port `p`, where the event goes. If
   * the flow has more blocked events, it goes to the end of a list of that port.
   */
  unblock(f: number, p: number): number {
    const m = this.#m
    const at = this.#at(f)
    this.#leaveList(f)
    const cell = m[at + flow.head]
    const n = m[at + flow.count] - 1
    this.#journal.put(at + flow.count, n)
    this.#journal.put(at + flow.port, p + 1)
    this.#journal.put(at + flow.uncompleted, m[at + flow.uncompleted] + 1)
    if (n > 0) {
      this.#journal.put(at + flow.head, this.#backlog.next(cell))
      this.#joinList(f)
    }
    return cell
  }

  /** Counts a completed event of the flow. With the last one, the flow is no longer pinned. */
  complete(f: number): void {
    const m = this.#m
    const at = this.#at(f)
    const left = m[at + flow.uncompleted] - 1
    this.#journal.put(at + flow.uncompleted, left)
    if (left > 0) return
    if (m[at + flow.count] === 0) {
      this.#remove(f)
      return
    }
    this.#leaveList(f)
    this.#journal.put(at + flow.port, 0)
    this.#joinList(f)
  }

  #joinList(f: number): void {
    const m = this.#m
    const [p, q, priority] = [this.portOf(f), this.queueOf(f), this.#priority(f)]
    const lists = p < 0 ? this.#looseLists(q) : this.#portLists(p, q)
    this.#append(lists + flowLists.lists + priority * 2, f)
    this.#journal.put(lists + flowLists.mask, m[lists + flowLists.mask] | (1 << priority))
    if (p < 0) return
    const mine = this.#layout.own + p * own.stride + own.blocked
    this.#journal.put(mine, m[mine] | (1 << q))
    const ports = word.blockedPorts + (p >> 5)
    this.#journal.put(ports, m[ports] | (1 << (p & 31)))
  }

  #leaveList(f: number): void {
    const m = this.#m
    const [p, q, priority] = [this.portOf(f), this.queueOf(f), this.#priority(f)]
    const lists = p < 0 ? this.#looseLists(q) : this.#portLists(p, q)
    const list = lists + flowLists.lists + priority * 2
    this.#unlink(list, f)
    if (m[list] !== 0) return
    this.#journal.put(lists + flowLists.mask, m[lists + flowLists.mask] & ~(1 << priority))
    if (p < 0 || m[lists + flowLists.mask] !== 0) return
    const mine = this.#layout.own + p * own.stride + own.blocked
    this.#journal.put(mine, m[mine] & ~(1 << q))
    if (m[mine] !== 0) return
    const ports = word.blockedPorts + (p >> 5)
    this.#journal.put(ports, m[ports] & ~(1 << (p & 31)))
  }

  #first(lists: number): number {
    const mask = this.#m[lists + flowLists.mask]
    if (mask === 0) return 0
    return this.#m[lists + flowLists.lists + (31 - Math.clz32(mask & -mask)) * 2]
  }

  /** The priority of the flow's first blocked event. */
  #priority(f: number): number {
    return (this.#m[this.#backlog.dataOf(this.firstBlocked(f)) + 2] >>> 26) & 7
  }

  #create(key: number): number {
    const m = this.#m
    const f = m[word.freeFlow]
    const at = this.#at(f)
    this.#journal.put(word.freeFlow, m[at + flow.chain])
    const bucket = this.#bucket(key)
    this.#journal.put(at + flow.key, key)
    this.#journal.put(at + flow.chain, m[bucket])
    this.#journal.put(bucket, f)
    return f
  }

  #remove(f: number): void {
    const m = this.#m
    const chain = this.#at(f) + flow.chain
    let link = this.#bucket(m[this.#at(f) + flow.key])
    while (m[link] !== f) link = this.#at(m[link]) + flow.chain
    this.#journal.put(link, m[chain])
    this.#journal.put(chain, m[word.freeFlow])
    this.#journal.put(word.freeFlow, f)
  }

  /**
   * Appends to a list. A list is two words, first and last, and is linked both ways through the
   * flows.
   */
  #append(list: number, f: number): void {
    const m = this.#m
    const last = m[list + 1]
    this.#journal.put(this.#at(f) + flow.next, 0)
    this.#journal.put(this.#at(f) + flow.previous, last)
    this.#journal.put(last === 0 ? list : this.#at(last) + flow.next, f)
    this.#journal.put(list + 1, f)
  }

  #unlink(list: number, f: number): void {
    const m = this.#m
    const next = m[this.#at(f) + flow.next]
    const previous = m[this.#at(f) + flow.previous]
    this.#journal.put(previous === 0 ? list : this.#at(previous) + flow.next, next)
    this.#journal.put(next === 0 ? list + 1 : this.#at(next) + flow.previous, previous)
  }

  #portLists(p: number, q: number): number {
    return this.#layout.blocked + (p * this.#layout.config.loadBalancedQueues + q) * flowLists.stride
  }

  #looseLists(q: number): number {
    return this.#layout.queue + q * queue.stride + queue.loose
  }

  #at(f: number): number {
    return this.#layout.flows + f * flow.stride
  }

  #bucket(key: number): number {
    const hash = Math.imul(key, 0x9e3779b1)
    return this.#layout.buckets + ((hash ^ (hash >>> 15)) & this.#layout.bucketMask)
  }
}
