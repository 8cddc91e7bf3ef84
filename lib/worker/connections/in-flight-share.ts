import type { LedgerCounters } from '../../ledger/counters.ts'
import { type Counting, countable, countableByEach } from '../../ledger/in-flight-limits.ts'

/**
 * Which of this worker's open connections the device counts as its load. All, while there is room.
 * Where the device has a limit for all workers together, each has an equal share of it; and once a
 * worker has more open than its share, all of them count in proportion: who has the most open
 * counts its share, who has half as many half of it. So the device still deals to whoever has the
 * fewest, to within as many connections as one stands for. What each has open, and counts, is in
 * shared memory; a worker finds that it has to count fewer when its next connection comes, and
 * until then it looks no busier than the busiest.
 *
 * A connection that the device has been told is complete cannot be counted again. So while fewer
 * count than should, those that close are of the others.
 *
 * The worker's thread. Main takes back what one that has ended counted.
 */
export class CountingRoom {
  readonly #counting: Counting
  readonly #counters: LedgerCounters
  readonly #worker: number
  readonly #isShared: boolean
  #share = 0
  #all = 0
  #open = 0
  #counted = 0

  /** `workers`: that have a thread, this one included. */
  constructor(counting: Counting, workers: number, counters: LedgerCounters, worker: number) {
    this.#counting = counting
    this.#counters = counters
    this.#worker = worker
    this.#isShared = counting.limit !== Number.POSITIVE_INFINITY
    this.shareAmong(workers)
  }

  /**
   * From now on there are so many workers. @returns how many connections have to be complete for
   * the device though they are open.
   */
  shareAmong(workers: number): number {
    this.#share = countableByEach(this.#counting, workers)
    this.#all = countable(this.#counting, workers)
    return this.#giveUp()
  }

  /** One more is open. @returns as `shareAmong`. */
  opened(): number {
    this.#open++
    this.#counted++
    this.#publish()
    return this.#giveUp()
  }

  /**
   * One is closed. @returns whether it is complete for the device with that; else it was before.
   */
  closed(): boolean {
    const wasCounted = this.#counted === this.#open || this.#counted > this.#target()
    this.#open--
    if (wasCounted) this.#counted--
    this.#publish()
    return wasCounted
  }

  #giveUp(): number {
    let counted = Math.min(this.#counted, this.#target())
    // While others count too much still, because they are blocked or have not heard, there is no
    // more than what is left.
    if (this.#isShared) counted -= Math.max(0, Math.min(counted, this.#countedByAll(counted) - this.#all))
    const excess = this.#counted - counted
    if (excess === 0) return 0
    this.#counted = counted
    this.#publish()
    return excess
  }

  #target(): number {
    if (!this.#isShared) return this.#share
    const most = Math.max(this.#open, this.#counters.mostOpen)
    return most <= this.#share ? this.#share : Math.round((this.#open * this.#share) / most)
  }

  #countedByAll(counted: number): number {
    return this.#counters.countedByDevice - this.#counted + counted
  }

  #publish(): void {
    if (this.#isShared) this.#counters.setCounting(this.#worker, this.#open, this.#counted)
  }
}
