import type { Port } from '../../device/device.ts'
import { NodeDlbError } from '../../errors.ts'
import type { LedgerCounters } from '../../ledger/counters.ts'
import type { OnClosed } from './adoption.ts'
import type { InFlightShare } from './in-flight-share.ts'

export interface BalancedCompletionsOptions {
  readonly port: Port
  /** The limit on how many open connections count, beside those that wait or were just adopted. */
  readonly share: InFlightShare
  readonly counts: Completions['counts']
  readonly onEarly: () => void
  /** A call of the port has failed. */
  readonly onFailure: (error: NodeDlbError) => void
}

/** Reports what became of each event of a port, to the device or to the ledger's counters. */
export interface Completions {
  /** Whether the listener's connections count until they close. */
  counts(listener: number): boolean
  /** Called when the event's connection does not count, or was not for this worker to take. */
  done(): void
  /** Called when the event's connection is open; it counts until `closed`. */
  opened(): void
  readonly closed: OnClosed
}

/**
 * The completions of a load-balanced port. The device counts the events that are not complete, and
 * deals to the worker that has the fewest.
 *
 * Connections that do not count are complete once this thread's loop has come round after their
 * adoption: by then it has polled them, and has run what their first bytes cause. A worker whose
 * loop is blocked by this work keeps its load, and other workers are preferred. Connections that
 * count are complete when they close, as far as the device can count. The event that is completed
 * is always the port's oldest, whichever connection it was for, because the load is the number of
 * events.
 */
export class BalancedCompletions implements Completions {
  readonly counts: Completions['counts']
  readonly #port: Port
  readonly #share: InFlightShare
  readonly #onEarly: () => void
  readonly #onFailure: (error: NodeDlbError) => void
  /** Connections that were adopted in this turn of the loop. */
  #fresh = 0
  /** Connections that were adopted in the turn before. */
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

  /** From now on, this number of workers share the device's limit. */
  shareAmong(workers: number): void {
    this.#completeEarly(this.#share.shareAmong(workers))
  }

  #completeEarly(connections: number): void {
    for (let i = 0; i < connections; i++) this.#onEarly()
    if (connections > 0) this.#release(connections)
  }

  /** Runs after the loop has polled: the connections adopted before that are complete. */
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
 * The completions of a directed port, which owes the device none. The policies that send to workers
 * directly count by what the worker enters in the ledger.
 */
export class DirectedCompletions implements Completions {
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
    this.#counters.countDirected(this.#worker, 'dropped')
  }

  opened(): void {
    this.#counters.countDirected(this.#worker, 'opened')
  }

  readonly closed = (): void => {
    this.#counters.countDirected(this.#worker, 'closed')
  }
}
