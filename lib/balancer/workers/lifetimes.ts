import type { LedgerCounters } from '../../ledger/counters.ts'

const PERIOD_MS = 1000

/** What had been adopted, and for how many ms connections had been open in all, at one moment. */
interface Mark {
  readonly adopted: number
  readonly openMs: number
}

/**
 * Tells whether connections stay, or come and go, by those that all workers have adopted in the
 * last one or two seconds: they stay if half of them are open, or if they are open for `stayMs` on
 * average.
 *
 * The average is that of Little's law: the time that connections were open in all, over how many
 * came. The first rule is for those that have just come; it holds, too, while many that stay are
 * closed and others come in their place.
 *
 * Main thread.
 */
export class Lifetimes {
  readonly #counters: Pick<LedgerCounters, 'adopted' | 'active'>
  readonly #stayMs: number
  /** A period ago at least, and the last one after that. */
  #before: Mark = { adopted: 0, openMs: 0 }
  #last: Mark = this.#before
  #markedAt = 0
  #openMs = 0
  #active = 0
  #lookedAt = 0

  constructor(counters: Pick<LedgerCounters, 'adopted' | 'active'>, stayMs: number) {
    this.#counters = counters
    this.#stayMs = stayMs
  }

  /** To be called while connections come, and once none is on its way any more. `now`: ms. */
  look(now: number): void {
    const { active } = this.#counters
    // Between two looks the number goes from one to the other in a line; of a long pause nothing is
    // known.
    this.#openMs += ((this.#active + active) / 2) * Math.min(now - this.#lookedAt, PERIOD_MS)
    this.#active = active
    this.#lookedAt = now
    const age = now - this.#markedAt
    if (age < PERIOD_MS) return
    const mark = { adopted: this.#counters.adopted, openMs: this.#openMs }
    this.#before = age < 2 * PERIOD_MS ? this.#last : mark
    this.#last = mark
    this.#markedAt = now
  }

  /** Whether they stay. */
  get stay(): boolean {
    const { adopted, active } = this.#counters
    const recent = adopted - this.#before.adopted
    return 2 * active >= recent || this.#openMs - this.#before.openMs >= recent * this.#stayMs
  }
}
