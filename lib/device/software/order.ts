import type { Journal } from './journal.ts'
import { type Layout, queue } from './layout.ts'

/**
 * What the reorder ring holds for each sequence number. The values from `successor` on are the cell
 * of a forwarded event, plus `successor`.
 */
const outstanding = 0
const gone = 1
const successor = 2

/**
 * Restores the order of an ordered queue. Each event scheduled from the queue gets the next
 * sequence number. Its completion leaves a mark, or the forwarded event, in the queue's reorder
 * ring. Forwarded events leave the ring in the order of their sequence numbers. The order is
 * private to the holder of the lock, and journaled.
 */
export class Order {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #journal: Journal

  constructor(memory: Int32Array, layout: Layout, journal: Journal) {
    this.#m = memory
    this.#layout = layout
    this.#journal = journal
  }

  /** Whether an ordered event may be scheduled from the queue now. */
  hasNumber(q: number): boolean {
    const m = this.#m
    const at = this.#layout.queue + q * queue.stride
    return ((m[at + queue.next] - m[at + queue.oldest]) | 0) < m[at + queue.sequenceNumbers]
  }

  /** Assigns the next sequence number to the event that is being scheduled. */
  assign(q: number): number {
    const at = this.#layout.queue + q * queue.stride + queue.next
    const number = this.#m[at]
    this.#journal.put(this.#entry(q, number), outstanding)
    this.#journal.put(at, (number + 1) | 0)
    return number
  }

  /** Completes the event with this number. `cell` holds its successor; -1 if it has none. */
  complete(q: number, number: number, cell: number): void {
    this.#journal.put(this.#entry(q, number), cell < 0 ? gone : cell + successor)
  }

  /** Takes the successor that is next in order. @returns its cell; -1 if none may leave yet */
  takeNext(q: number): number {
    const m = this.#m
    const at = this.#layout.queue + q * queue.stride
    const next = m[at + queue.next]
    let number = m[at + queue.oldest]
    let entry = gone
    while (entry === gone && number !== next) {
      entry = m[this.#entry(q, number)]
      if (entry !== outstanding) number = (number + 1) | 0
    }
    if (number !== m[at + queue.oldest]) this.#journal.put(at + queue.oldest, number)
    return entry < successor ? -1 : entry - successor
  }

  #entry(q: number, number: number): number {
    const m = this.#m
    const at = this.#layout.queue + q * queue.stride
    return m[at + queue.reorder] + (number & (m[at + queue.sequenceNumbers] - 1))
  }
}
