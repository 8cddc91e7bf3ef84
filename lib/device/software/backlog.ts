import type { Journal } from './journal.ts'
import { type Layout, queue, word } from './layout.ts'

/**
 * The classes of waiting events. Atomic events, whose flow may have to wait, are one class; all
 * others are the other. Events of one class wait in one line.
 */
export const Class = { parallel: 0, atomic: 1 } as const

/**
 * The words of a list of cells. The list ends after `count` cells; the link of the last one has no
 * meaning.
 */
const head = 0
const tail = 1
const count = 2

/**
 * Events that wait for room, by queue, class and priority. Each list of cells is first in, first
 * out. The backlog is private to the holder of the lock, and journaled; only the cells' contents
 * are not journaled (see journal.ts).
 */
export class Backlog {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #journal: Journal
  constructor(memory: Int32Array, layout: Layout, journal: Journal) {
    this.#m = memory
    this.#layout = layout
    this.#journal = journal
  }

  /**
   * Takes a cell and copies the event at word `source` into it.
   *
   * Invariant: there always is a free cell, and it is never one that was freed in this pass. Every
   * queued event holds a credit, and there is a cell for each credit. The credits of the cells that
   * were in use when the pass began are given back only after the pass.
   */
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

  /** Links fresh cells, which have been in no list in this pass. */
  linkFresh(last: number, cell: number): void {
    this.#m[this.#layout.nextCell + last] = cell
  }

  /**
   * Links `cell` behind `last`. Another list may have had `last` in this pass, so the link is
   * journaled.
   */
  link(last: number, cell: number): void {
    this.#journal.put(this.#layout.nextCell + last, cell)
  }

  /** Appends a run of `n` cells, linked from `first` to `last`. */
  append(q: number, cls: number, priority: number, first: number, last: number, n: number): void {
    const m = this.#m
    const list = this.#list(q, cls, priority)
    const before = m[list + count]
    if (before === 0) {
      this.#journal.put(list + head, first)
      const at = this.#layout.queue + q * queue.stride + queue.mask
      this.#journal.put(at, m[at] | (1 << (cls * 8 + priority)))
    } else {
      m[this.#layout.nextCell + m[list + tail]] = first
    }
    this.#journal.put(list + tail, last)
    this.#journal.put(list + count, before + n)
    this.#queued(q, n)
  }

  first(q: number, cls: number, priority: number): number {
    return this.#m[this.#list(q, cls, priority) + head]
  }

  count(q: number, cls: number, priority: number): number {
    return this.#m[this.#list(q, cls, priority) + count]
  }

  /**
   * Unlinks the first `n` cells of a list. `next` is the cell that follows them, if any. Their
   * events still count as queued.
   */
  shift(q: number, cls: number, priority: number, n: number, next: number): void {
    const m = this.#m
    const list = this.#list(q, cls, priority)
    const left = m[list + count] - n
    this.#journal.put(list + count, left)
    this.#journal.put(list + head, next)
    if (left > 0) return
    const at = this.#layout.queue + q * queue.stride + queue.mask
    this.#journal.put(at, m[at] & ~(1 << (cls * 8 + priority)))
  }

  /** Counts `n` events of queue `q`, in whichever list they were, as scheduled. */
  removed(q: number, n: number): void {
    this.#queued(q, -n)
  }

  #queued(q: number, n: number): void {
    const m = this.#m
    const at = this.#layout.queue + q * queue.stride + queue.depth
    const before = m[at]
    this.#journal.put(at, before + n)
    this.#journal.put(word.queued, m[word.queued] + n)
    if (before === 0 || before + n === 0) this.#setBusy(q, before === 0)
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
