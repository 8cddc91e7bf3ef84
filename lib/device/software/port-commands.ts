import { SchedulingType } from '../event-buffer.ts'
import { type Backlog, Class } from './backlog.ts'
import type { ConsumerQueues } from './consumer-queues.ts'
import { Command } from './credits.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Flows } from './flows.ts'
import type { Journal } from './journal.ts'
import { type Layout, own, queue, word } from './layout.ts'
import type { Order } from './order.ts'

/**
 * Takes in the ports' commands: new events and completions. A new event goes straight to a port if
 * no waiting event has to go before it, else into the backlog. It is private to the holder of the
 * lock.
 */
export class PortCommands {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #journal: Journal
  readonly #backlog: Backlog
  readonly #flows: Flows
  readonly #order: Order
  readonly #queues: ConsumerQueues
  readonly #dispatcher: Dispatcher
  readonly #ldbQueues: number

  constructor(
    memory: Int32Array,
    layout: Layout,
    journal: Journal,
    backlog: Backlog,
    flows: Flows,
    order: Order,
    queues: ConsumerQueues,
    dispatcher: Dispatcher,
  ) {
    this.#m = memory
    this.#layout = layout
    this.#journal = journal
    this.#backlog = backlog
    this.#flows = flows
    this.#order = order
    this.#queues = queues
    this.#dispatcher = dispatcher
    this.#ldbQueues = layout.config.loadBalancedQueues
  }

  /**
   * Takes in a port's commands from its tx ring, in order.
   * @returns false if the pass has to end before the ring does
   */
  takeIn(p: number, tail: number): boolean {
    const m = this.#m
    const at = this.#layout.own + p * own.stride
    const base = m[at + own.txRing]
    const mask = m[at + own.txMask]
    this.#queues.touch(p)
    this.#queues.sender = p
    let next = m[at + own.txHead]
    while (next !== tail && !this.#journal.nearlyFull()) {
      const record = base + (next & mask) * 4
      const command = m[record + 3] >>> 24
      if (command === Command.release) {
        for (let i = m[record]; i > 0; i--) this.complete(p, -1)
        next = (next + 1) & 0xffff
      } else if (command === Command.forward) {
        this.complete(p, record)
        next = (next + 1) & 0xffff
      } else next = (next + this.#acceptRun(base, mask, next, tail)) & 0xffff
    }
    m[at + own.txHead] = next
    this.#queues.sender = -1
    return next === tail
  }

  /**
   * Completes the oldest uncompleted event of load-balanced port `p`.
   * @param source the word where the event's successor is, if it was forwarded; -1 if it was
   *   released
   */
  complete(p: number, source: number): void {
    const m = this.#m
    this.#queues.touch(p)
    const at = this.#layout.own + p * own.stride
    const meta = m[at + own.meta] + (m[at + own.completed] & m[at + own.ringMask]) * 2
    m[at + own.completed] = (m[at + own.completed] + 1) | 0
    const type = m[meta] & 3
    if (type === SchedulingType.ordered) {
      const q = m[meta] >> 2
      this.#order.complete(q, m[meta + 1], source < 0 ? -1 : this.#backlog.takeCell(source))
      this.flush(q)
      return
    }
    if (type === SchedulingType.atomic) this.#flows.complete(m[meta + 1])
    if (source >= 0) this.#accept(source, -1)
  }

  /**
   * Lets an ordered queue's completed events leave in order, as long as the journal has room. The
   * next pass continues.
   */
  flush(q: number): void {
    while (!this.#journal.nearlyFull()) {
      const cell = this.#order.takeNext(q)
      if (cell < 0) return
      this.#accept(this.#backlog.dataOf(cell), cell)
    }
  }

  /**
   * Takes in one event.
   * @param source the word where the event is
   * @param cell the cell that holds it; -1 if none does
   */
  #accept(source: number, cell: number): void {
    const m = this.#m
    const target = m[source + 2] >>> 16
    const type = (target >>> 8) & 3
    const q = this.#queueOf(target)
    const p = this.#isBusy(q) ? -1 : this.#portFor(q, type, source)
    if (p >= 0) {
      this.#dispatcher.schedule(q, p, source, cell)
      return
    }
    const queued = cell >= 0 ? cell : this.#backlog.takeCell(source)
    this.#backlog.append(q, classOf(type), (target >>> 10) & 7, queued, queued, 1)
  }

  /**
   * Takes in a run of new events that have the same target, each as `#accept` would.
   * @returns how many it took: all of the run, unless the pass has to end
   */
  #acceptRun(base: number, mask: number, next: number, tail: number): number {
    const m = this.#m
    const target = m[base + (next & mask) * 4 + 2] >>> 16
    let n = 1
    for (let record = (next + 1) & 0xffff; record !== tail; record = (record + 1) & 0xffff) {
      const source = base + (record & mask) * 4
      if (m[source + 2] >>> 16 !== target || m[source + 3] >>> 24 !== Command.enqueue) break
      n++
    }
    const q = this.#queueOf(target)
    const type = (target >>> 8) & 3
    const scheduled = this.#isBusy(q) ? 0 : this.#scheduleRun(q, type, base, mask, next, n)
    if (scheduled === n || this.#journal.nearlyFull()) return scheduled
    return scheduled + this.#queueRun(q, target, base, mask, next + scheduled, n - scheduled)
  }

  /** @returns how many of `n` events found a port, up to the first one that did not */
  #scheduleRun(q: number, type: number, base: number, mask: number, next: number, n: number): number {
    const only = this.#dispatcher.onlyTaker(q, type)
    if (only >= 0) {
      const fitting = this.#queues.capacity(only, n)
      this.#queues.putRecords(only, base, mask, next, fitting, (q << 2) | type)
      return fitting
    }
    let scheduled = 0
    while (scheduled < n && !this.#journal.nearlyFull()) {
      const source = base + ((next + scheduled) & mask) * 4
      const p = this.#portFor(q, type, source)
      if (p < 0) break
      this.#dispatcher.schedule(q, p, source, -1)
      scheduled++
    }
    return scheduled
  }

  #queueRun(q: number, target: number, base: number, mask: number, next: number, n: number): number {
    let first = -1
    let last = -1
    let queued = 0
    while (queued < n) {
      const cell = this.#backlog.takeCell(base + ((next + queued) & mask) * 4)
      if (queued++ === 0) first = cell
      else this.#backlog.linkFresh(last, cell)
      last = cell
    }
    if (queued > 0) this.#backlog.append(q, classOf((target >>> 8) & 3), (target >>> 10) & 7, first, last, queued)
    return queued
  }

  #portFor(q: number, type: number, source: number): number {
    return this.#dispatcher.portFor(q, type, this.#m[source + 3] & 0xffff)
  }

  #queueOf(target: number): number {
    return ((target >>> 8) & 3) === SchedulingType.directed ? this.#ldbQueues + (target & 0xff) : target & 0xff
  }

  /**
   * Whether an event waits that must go before a new event: in the queue itself, or, for a
   * load-balanced queue, in any load-balanced queue.
   */
  #isBusy(q: number): boolean {
    const m = this.#m
    return q < this.#ldbQueues ? m[word.ldbBusy] !== 0 : m[this.#layout.queue + q * queue.stride + queue.depth] !== 0
  }
}

function classOf(type: number): number {
  return type === SchedulingType.atomic ? Class.atomic : Class.parallel
}
