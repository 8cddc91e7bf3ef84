import type { Port } from '../../device/device.ts'
import { NodeDlbError } from '../../errors.ts'
import type { LedgerCounters } from '../../ledger/counters.ts'
import type { OnClosed } from './adoption.ts'
import type { InFlightShare } from './in-flight-share.ts'

export interface BalancedCompletionsOptions {
  readonly port: Port
  /** Bounds how many open connections count, beside those that wait or were just adopted. */
  readonly share: InFlightShare
  readonly counts: Completions['counts']
  readonly onEarly: () => void
  /** The port does not work any more. */
  readonly onFailure: (error: NodeDlbError) => void
}

/** What becomes of the events that a port received, for those who count them. */
export interface Completions {
  /** Whether the listener's connections count until they close. */
  counts(listener: number): boolean
  /** An event was dealt with: its connection does not count, or was not to be had. */
  done(): void
  /** Its connection is open, and counts until `closed`. */
  opened(): void
  readonly closed: OnClosed
}

/**
 * A load-balanced port's: the device counts what is not complete, and deals to whoever has the
 * least of it.
 *
 * Connections that do not count are complete once this thread's loop has come round after their
 * adoption: it has polled them then, and run what their first bytes cause. A worker whose loop is
 * blocked by that keeps its load, and others are preferred. Those that count are complete when they
 * close, as far as the device can count. What is completed is the oldest of the port's events,
 * whichever connection it was: the figure is how many there are.
 */
export class BalancedCompletions implements Completions {
  readonly counts: Completions['counts']
  readonly #port: Port
  readonly #share: InFlightShare
  readonly #onEarly: () => void
  readonly #onFailure: (error: NodeDlbError) => void
  /** Adopted in this turn of the loop, and in the one before. */
  #fresh = 0
  #settling = 0

  constructor({ port, share, counts, onEarly, onFailure }: BalancedCompletionsOptions) {
    this.counts = counts
    this.#port = port
    this.#share = share
    this.#onEarly = onEarly
    this.#onFailure = onFailure
  }

  done(): void {
    if (this.#fresh === 0 && this.#settling === 0) setImmediate(this.#turn)
    this.#fresh++
  }

  opened(): void {
    this.#completeEarly(this.#share.opened())
  }

  readonly closed = (): void => {
    if (this.#share.closed()) this.#release(1)
  }

  /** From now on there are so many workers, between which the device's limit is shared. */
  shareAmong(workers: number): void {
    this.#completeEarly(this.#share.shareAmong(workers))
  }

  #completeEarly(connections: number): void {
    for (let i = 0; i < connections; i++) this.#onEarly()
    if (connections > 0) this.#release(connections)
  }

  /** After the loop has polled: those that were adopted before it did are complete. */
  readonly #turn = (): void => {
    const settled = this.#settling
    this.#settling = this.#fresh
    this.#fresh = 0
    if (this.#settling > 0) setImmediate(this.#turn)
    if (settled > 0) this.#release(settled)
  }

  #release(count: number): void {
    try {
      this.#port.release(count)
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      this.#onFailure(error)
    }
  }
}

/**
 * A directed port's, which owes the device nothing: the dealer counts, by what the worker says that
 * it is done with.
 */
export class DirectCompletions implements Completions {
  readonly #counters: LedgerCounters
  readonly #worker: number

  constructor(counters: LedgerCounters, worker: number) {
    this.#counters = counters
    this.#worker = worker
  }

  counts(): boolean {
    return true
  }

  done(): void {
    this.#counters.countDirect(this.#worker, 'dropped')
  }

  opened(): void {
    this.#counters.countDirect(this.#worker, 'opened')
  }

  readonly closed = (): void => {
    this.#counters.countDirect(this.#worker, 'closed')
  }
}
