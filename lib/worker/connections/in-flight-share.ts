import type { LedgerCounters } from '../../ledger/counters.ts'
import { countableByAll, countableByEach, type InFlightLimits } from '../../ledger/in-flight-limits.ts'

/**
 * This worker's share of the device's in-flight limits: how many of its open connections are
 * counted (see InFlightLimits). While the limits allow it, all of them are. If the device has a
 * limit for all workers together, each worker has an equal share of it. Once a worker has more
 * connections open than its share, all workers count in proportion: the one that has the most open
 * counts its share, and one that has half that number open counts half its share. So the device
 * still deals to the worker with the fewest, within the number of open connections that one counted
 * connection stands for.
 *
 * The numbers of each worker's open and counted connections are in shared memory. A worker finds
 * that it has to count fewer when its next connection comes; until then it looks no busier than the
 * busiest.
 *
 * A connection that the device was told is complete cannot be counted again. So while fewer are
 * counted than should be, connections that close are taken from those that are not counted.
 *
 * Thread: the worker's. When it has ended, main takes back what it counted.
 */
export class InFlightShare {
  readonly #limits: InFlightLimits
  readonly #counters: LedgerCounters
  readonly #worker: number
  readonly #isShared: boolean
  /**
   * The number of connections that this worker may count, and the number for all workers together.
   */
  #share = 0
  #all = 0
  #open = 0
  #counted = 0

  /** @param workers the number of workers that have a thread, this one included */
  constructor(limits: InFlightLimits, workers: number, counters: LedgerCounters, worker: number) {
    this.#limits = limits
    this.#counters = counters
    this.#worker = worker
    this.#isShared = limits.total !== Number.POSITIVE_INFINITY
    this.shareAmong(workers)
  }

  /**
   * Sets the number of workers that share the limits.
   * @returns the number of open connections that the device has to be told are complete
   */
  shareAmong(workers: number): number {
    this.#share = countableByEach(this.#limits, workers)
    this.#all = countableByAll(this.#limits, workers)
    return this.#giveUp()
  }

  /** Called when a connection has opened. Returns what `shareAmong` returns. */
  opened(): number {
    this.#open++
    this.#counted++
    this.#publish()
    return this.#giveUp()
  }

  /**
   * Called when a connection has closed. @returns whether it was counted, so that it is complete
   * now; otherwise the device was told so before
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
    // While others still count too many, because they are blocked or have not been told yet, this
    // worker counts no more than they leave.
    if (this.#isShared) counted -= Math.max(0, Math.min(counted, this.#countedByAll(counted) - this.#all))
    const excess = this.#counted - counted
    if (excess === 0) return 0
    this.#counted = counted
    this.#publish()
    return excess
  }

  /** The number of this worker's connections that should be counted. */
  #target(): number {
    if (!this.#isShared) return this.#share
    const most = Math.max(this.#open, this.#counters.mostOpen)
    return most <= this.#share ? this.#share : Math.round((this.#open * this.#share) / most)
  }

  /** The number that all workers count if this one counts `counted`. */
  #countedByAll(counted: number): number {
    return this.#counters.counted - this.#counted + counted
  }

  #publish(): void {
    if (this.#isShared) this.#counters.setLoad(this.#worker, this.#open, this.#counted)
  }
}
