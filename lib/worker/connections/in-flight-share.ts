import type { LedgerCounters } from '../../ledger/counters.ts'
import { countableByAll, countableByEach, type InFlightLimits } from '../../ledger/in-flight-limits.ts'

/**
 * This worker's share of the device's in-flight limits: how many of its open connections are
 * counted (see InFlightLimits). While there is room, all of them are. Where the device has a limit
 * for all workers together, each worker has an equal share of it; once a worker has more open than
 * its share, all workers count in proportion: the one that has the most open counts its share, and
 * one that has half as many open counts half its share. The device thus still deals to whoever has
 * the fewest, to within as many connections as one stands for.
 *
 * What each worker has open and counts is in shared memory. A worker finds that it has to count
 * fewer when its next connection comes; until then it looks no busier than the busiest.
 *
 * A connection that the device was told is complete cannot be counted again. While fewer are
 * counted than should be, those that close are therefore taken from the others.
 *
 * Thread: the worker's. When it has ended, main takes back what it counted.
 */
export class InFlightShare {
  readonly #limits: InFlightLimits
  readonly #counters: LedgerCounters
  readonly #worker: number
  readonly #isShared: boolean
  /** How many connections this worker may count, and all workers together. */
  #share = 0
  #all = 0
  #open = 0
  #counted = 0

  /** `workers`: how many have a thread, this one included. */
  constructor(limits: InFlightLimits, workers: number, counters: LedgerCounters, worker: number) {
    this.#limits = limits
    this.#counters = counters
    this.#worker = worker
    this.#isShared = limits.total !== Number.POSITIVE_INFINITY
    this.shareAmong(workers)
  }

  /**
   * From now on, this many workers share the limits. @returns how many open connections the device
   * has to be told are complete.
   */
  shareAmong(workers: number): number {
    this.#share = countableByEach(this.#limits, workers)
    this.#all = countableByAll(this.#limits, workers)
    return this.#giveUp()
  }

  /** A connection has opened. @returns as `shareAmong` does. */
  opened(): number {
    this.#open++
    this.#counted++
    this.#publish()
    return this.#giveUp()
  }

  /**
   * A connection has closed. @returns whether it was counted, so that it is complete now; otherwise
   * the device was told so before.
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
    // While others still count too many, because they are blocked or have not heard, this worker
    // has no more than what they leave.
    if (this.#isShared) counted -= Math.max(0, Math.min(counted, this.#countedByAll(counted) - this.#all))
    const excess = this.#counted - counted
    if (excess === 0) return 0
    this.#counted = counted
    this.#publish()
    return excess
  }

  /** How many of this worker's connections should be counted. */
  #target(): number {
    if (!this.#isShared) return this.#share
    const most = Math.max(this.#open, this.#counters.mostOpen)
    return most <= this.#share ? this.#share : Math.round((this.#open * this.#share) / most)
  }

  /** What all workers count if this one counts `counted`. */
  #countedByAll(counted: number): number {
    return this.#counters.counted - this.#counted + counted
  }

  #publish(): void {
    if (this.#isShared) this.#counters.setLoad(this.#worker, this.#open, this.#counted)
  }
}
