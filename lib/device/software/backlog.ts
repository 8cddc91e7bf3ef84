import type { Journal } from './journal.ts'
import { type Layout, queue, word } from './layout.ts'

/** The words of a list of cells: first, last, count. Only `count` says where it ends. */
const head = 0
const tail = 1
const count = 2

/**
 * Events that wait for room, by queue, class (0: directed, unordered, ordered; 1: atomic) and priority: lists of cells, first in
 * first out. Private to the holder of the lock, and journaled, but for the cells' contents (see journal.ts).
 */
export class Backlog {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #journal: Journal
  /** Cells freed from here on are not handed out before the pass has ended. */
  #freeLimit = 0

  constructor(memory: Int32Array, layout: Layout, journal: Journal) {
    this.#m = memory
    this.#layout = layout
    this.#journal = journal
  }

  beginPass(): void {
    this.#freeLimit = this.#m[word.freeTail]
  }

  /** Every queued event holds a credit, and there is a cell for each credit; still, a pass may have to end first. */
  hasCell(): boolean {
    return this.#m[word.freeHead] !== this.#freeLimit
  }

  /** A cell with a copy of the event at word `source`. */
  takeCell(source: number): number {
    const m = this.#m
    const layout = this.#layout
    const cell = m[layout.freeRing + (m[word.freeHead] & layout.freeMask)]
    m[word.freeHead] = (m[word.freeHead] + 1) | 0
    const at = layout.cells + cell * 4
    m[at] = m[source]
    m[at + 1] = m[source + 1]
    m[at + 2] = m[source + 2]
    m[at + 3] = m[source + 3]
    return cell
  }

  freeCell(cell: number): void {
    const m = this.#m
    m[this.#layout.freeRing + (m[word.freeTail] & this.#layout.freeMask)] = cell
    m[word.freeTail] = (m[word.freeTail] + 1) | 0
  }

  dataOf(cell: number): number {
    return this.#layout.cells + cell * 4
  }

  next(cell: number): number {
    return this.#m[this.#layout.nextCell + cell]
  }

  /** Links `cell` behind `last`. The link of a cell that was in another list in this pass has to be restorable. */
  link(last: number, cell: number): void {
    this.#journal.put(this.#layout.nextCell + last, cell)
  }

  push(q: number, cls: number, priority: number, cell: number): void {
    const m = this.#m
    const list = this.#list(q, cls, priority)
    const n = m[list + count]
    if (n === 0) {
      this.#journal.put(list + head, cell)
      const at = this.#layout.queue + q * queue.stride
      this.#journal.put(at + queue.mask, m[at + queue.mask] | (1 << (cls * 8 + priority)))
    } else {
      m[this.#layout.nextCell + m[list + tail]] = cell
    }
    this.#journal.put(list + tail, cell)
    this.#journal.put(list + count, n + 1)
    this.added(q)
  }

  first(q: number, cls: number, priority: number): number {
    return this.#m[this.#list(q, cls, priority) + head]
  }

  /** Unlinks the first cell of a list that has one. The event still counts as queued until `removed`. */
  shift(q: number, cls: number, priority: number): number {
    const m = this.#m
    const list = this.#list(q, cls, priority)
    const cell = m[list + head]
    const n = m[list + count] - 1
    this.#journal.put(list + count, n)
    if (n === 0) {
      const at = this.#layout.queue + q * queue.stride
      this.#journal.put(at + queue.mask, m[at + queue.mask] & ~(1 << (cls * 8 + priority)))
    } else {
      this.#journal.put(list + head, this.next(cell))
    }
    return cell
  }

  /** One event more in queue `q`, in whichever list. */
  added(q: number): void {
    const m = this.#m
    const at = this.#layout.queue + q * queue.stride + queue.depth
    const depth = m[at]
    this.#journal.put(at, depth + 1)
    this.#journal.put(word.queued, m[word.queued] + 1)
    if (depth === 0) this.#setBusy(q, true)
  }

  /** One event less in queue `q`. */
  removed(q: number): void {
    const m = this.#m
    const at = this.#layout.queue + q * queue.stride + queue.depth
    const depth = m[at] - 1
    this.#journal.put(at, depth)
    this.#journal.put(word.queued, m[word.queued] - 1)
    if (depth === 0) this.#setBusy(q, false)
  }

  #setBusy(q: number, busy: boolean): void {
    const ldbQueues = this.#layout.config.loadBalancedQueues
    const bit = q < ldbQueues ? q : q - ldbQueues
    const at = q < ldbQueues ? word.ldbBusy : word.dirBusy + (bit >> 5)
    const mask = 1 << (bit & 31)
    this.#journal.put(at, busy ? this.#m[at] | mask : this.#m[at] & ~mask)
  }

  #list(q: number, cls: number, priority: number): number {
    return this.#layout.queue + q * queue.stride + queue.lists + (cls * 8 + priority) * 3
  }
}
