import type { Ledger } from './ledger.ts'

const PERIOD_MS = 1000

/**
 * Tells workers whose connections stay from those whose connections come and go: whether of all that a worker has adopted in
 * the last one or two seconds, as many as half are open. That holds, too, while many that stay are closed and others come in their place.
 *
 * Main thread.
 */
export class Lifetimes {
  readonly #ledger: Ledger
  /** What each worker had adopted a period ago at least, and at the last mark. */
  #before: readonly number[]
  #last: readonly number[]
  #markedAt = 0

  constructor(ledger: Ledger) {
    this.#ledger = ledger
    this.#before = this.#last = new Array(ledger.workers).fill(0)
  }

  /** To be called whenever connections may have come. `now`: ms. */
  mark(now: number): void {
    const age = now - this.#markedAt
    if (age < PERIOD_MS) return
    const adopted = this.#last.map((_, worker) => this.#ledger.workerCounts(worker).adopted)
    this.#before = age < 2 * PERIOD_MS ? this.#last : adopted
    this.#last = adopted
    this.#markedAt = now
  }

  stay(worker: number): boolean {
    const { adopted, active } = this.#ledger.workerCounts(worker)
    return 2 * active >= adopted - this.#before[worker]
  }
}
