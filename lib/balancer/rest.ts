import { loadAddon } from '../native.ts'
import type { Ledger } from './ledger.ts'

/** Fewer come so slowly that they are worth being woken for, and the rest would cost more than it saves. */
const LEAST = 3
/** It accepts again after so long, whatever the workers have done: one of them may be blocked, or have died. */
const LONGEST_MS = 2

export interface RestOptions {
  readonly ledger: Ledger
  /** Stop or start accepting. */
  readonly onRest: (resting: boolean) => void
}

/**
 * Keeps the acceptor from being woken again and again in the workers' time. Connections that come while the workers have still to
 * adopt a batch can wait in the kernel's backlog as well as in the device; so after a batch accepting rests until
 * workers have adopted as many, or for 2 ms. bench/README.md has what it saves.
 *
 * The count is the workers' to bring down (`Ledger.settled`), and it is set before the batch is dealt, so that whoever receives of it
 * sees it. Connections of an earlier batch bring it down as well: then the rest is shorter. If some are adopted by nobody,
 * or a worker's thread ends before it tells, the timer ends it.
 *
 * Main thread.
 */
export class Rest {
  readonly #ledger: Ledger
  readonly #onRest: RestOptions['onRest']
  readonly #waker: number
  readonly #timer: NodeJS.Timeout
  #resting = false

  constructor({ ledger, onRest }: RestOptions) {
    this.#ledger = ledger
    this.#onRest = onRest
    this.#waker = loadAddon().openWaker(() => this.#end())
    this.#timer = setTimeout(() => this.#end(), LONGEST_MS).unref()
  }

  /** `deal` deals so many connections. */
  after(count: number, deal: () => void): void {
    if (count < LEAST || this.#resting) {
      deal()
      return
    }
    // Before the first can be received.
    this.#ledger.rest(this.#waker, count)
    deal()
    this.#resting = true
    this.#onRest(true)
    this.#timer.refresh()
  }

  close(): void {
    clearTimeout(this.#timer)
    loadAddon().closeWaker(this.#waker)
  }

  #end(): void {
    if (!this.#resting) return
    this.#resting = false
    this.#ledger.rest(0, 0)
    this.#onRest(false)
  }
}
