import type { Ledger } from '../balancer/ledger.ts'
import type { Port } from '../device/device.ts'

/** What becomes of the events that a port received, for those who count them. */
export interface Completions {
  /** Whether the listener's connections count until they close. */
  counts(listener: number): boolean
  /** An event was dealt with: its connection does not count, or was not to be had. */
  done(): void
  /** Its connection is open, and counts until `closed`. */
  opened(): void
  closed(): void
}

/**
 * A load-balanced port's: the device counts what is not complete. Some connections are once they are adopted; those that are
 * load until they close are when they close, as far as the device can count. It completes the oldest of the port's events,
 * whichever connection it is that has closed: its figure is how many there are.
 */
export class DeviceCompletions implements Completions {
  readonly counts: Completions['counts']
  readonly #port: Port
  readonly #counted: number
  readonly #onEarly: () => void
  /** Open ones that count. */
  #open = 0
  /** Of them, completed while open. */
  #early = 0

  /** @param counted the port keeps so many uncompleted, beside those that wait. */
  constructor(port: Port, counted: number, counts: Completions['counts'], onEarly: () => void) {
    this.counts = counts
    this.#port = port
    this.#counted = counted
    this.#onEarly = onEarly
  }

  done(): void {
    this.#port.release(1)
  }

  opened(): void {
    this.#open++
    if (this.#open - this.#early <= this.#counted) return
    this.#early++
    this.#onEarly()
    this.#port.release(1)
  }

  closed(): void {
    this.#open--
    if (this.#early > 0) this.#early--
    else this.#port.release(1)
  }
}

/** A directed port's, which owes the device nothing: the dealer counts, by what the worker says that it is done with. */
export class DirectCompletions implements Completions {
  readonly #ledger: Ledger
  readonly #worker: number

  constructor(ledger: Ledger, worker: number) {
    this.#ledger = ledger
    this.#worker = worker
  }

  counts(): boolean {
    return true
  }

  done(): void {
    this.#ledger.countDirect(this.#worker, 'dropped')
  }

  opened(): void {
    this.#ledger.countDirect(this.#worker, 'opened')
  }

  closed(): void {
    this.#ledger.countDirect(this.#worker, 'closed')
  }
}
