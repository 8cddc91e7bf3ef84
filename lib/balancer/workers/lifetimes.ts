import type { LedgerCounters } from '../../ledger/counters.ts'

const PERIOD_MS = 1000

/**
 * What was counted up to one moment: the connections adopted since the start, and the sum of the
 * milliseconds for which connections were open.
 */
interface Mark {
  readonly adopted: number
  readonly openMs: number
}

/**
 * Tells whether connections stay, or come and go. It judges by those that all workers have adopted
 * in the last one or two seconds: they stay if half of them are open, or if they are open for
 * `stayMs` on average.
 *
 * The average follows from Little's law: the sum of the times that all connections were open,
 * divided by the number that came. The first rule is for connections that have just come. It also
 * holds while many connections that stay are closed and others replace them.
 *
 * Main thread.
 */
export class Lifetimes {
  readonly #counters: Pick<LedgerCounters, 'adopted' | 'active'>
  readonly #stayMs: number
  /** A mark that is at least one period old, and the last mark after it. */
  #before: Mark = { adopted: 0, openMs: 0 }
  #last: Mark = this.#before
  #markedAt = 0
  #openMs = 0
  #active = 0
  #sampledAt = 0

  constructor(counters: Pick<LedgerCounters, 'adopted' | 'active'>, stayMs: number) {
    this.#counters = counters
    this.#stayMs = stayMs
  }

  /** Called repeatedly while connections come, and once more when none is on its way. `now`: ms. */
  sample(now: number): void {
    const { active } = this.#counters
    // The number is assumed to change evenly between two samples. A pause counts for at most one
    // period, because nothing is known of it.
    this.#openMs += ((this.#active + active) / 2) * Math.min(now - this.#sampledAt, PERIOD_MS)
    this.#active = active
    this.#sampledAt = now
    const age = now - this.#markedAt
    if (age < PERIOD_MS) return
    const mark = { adopted: this.#counters.adopted, openMs: this.#openMs }
    this.#before = age < 2 * PERIOD_MS ? this.#last : mark
    this.#last = mark
    this.#markedAt = now
  }

  /** Whether connections stay. */
  get stay(): boolean {
    const { adopted, active } = this.#counters
    const recent = adopted - this.#before.adopted
    return 2 * active >= recent || this.#openMs - this.#before.openMs >= recent * this.#stayMs
  }
}
