import { loadAddon } from '../native.ts'
import type { Ledger } from './ledger.ts'

/** It accepts again once no worker has done anything for so long: they may all be blocked. */
const PATIENCE_MS = 5

export interface RestOptions {
  readonly ledger: Ledger
  /** How many workers have nothing to do. */
  readonly idle: () => number
  /** Stop or start accepting. */
  readonly onRest: (resting: boolean) => void
  /** Meanwhile workers have done something: they may have sent connections to each other. */
  readonly onProgress: () => void
}

/**
 * Keeps the acceptor from being woken again and again in the workers' time. While all workers have something to do, after a batch that gives
 * each idle one something, accepting rests: what comes can wait in the kernel's backlog as well as in the device. A worker that has
 * done its part accepts a few itself (lib/worker/relief.ts), and the first that finds nothing ends the rest. bench/README.md has what it
 * saves.
 *
 * No lost end. This thread says that it rests, and then looks who is idle; a worker says that it is idle, and then looks whether this
 * thread rests. Both words are sequentially consistent, so one of them sees the other: no rest begins with an idle worker that was not
 * counted. It is said before the batch is dealt, so that whoever receives of it knows. A worker that ends the rest marks the word and
 * then wakes this thread; the others go on accepting until that has come round. If it dies in between, or all are blocked, nobody
 * does anything for a while, and the timer ends the rest. test/model/rest.pml checks this.
 *
 * Main thread.
 */
export class Rest {
  readonly #ledger: Ledger
  readonly #idle: RestOptions['idle']
  readonly #onRest: RestOptions['onRest']
  readonly #onProgress: RestOptions['onProgress']
  readonly #waker: number
  readonly #timer: NodeJS.Timeout
  #resting = false
  /** The workers' turns that it knows of. */
  #turns = 0

  constructor({ ledger, idle, onRest, onProgress }: RestOptions) {
    this.#ledger = ledger
    this.#idle = idle
    this.#onRest = onRest
    this.#onProgress = onProgress
    this.#waker = loadAddon().openWaker(() => this.end())
    this.#timer = setTimeout(() => this.#check(), PATIENCE_MS).unref()
  }

  /** `deal` deals so many connections. */
  after(count: number, deal: () => void): void {
    if (!this.#resting) this.#begin(count)
    deal()
  }

  #begin(count: number): void {
    this.#ledger.rest(this.#waker)
    if (count < this.#idle()) {
      this.#ledger.rest(0)
      return
    }
    this.#resting = true
    this.#turns = this.#ledger.turns
    this.#onRest(true)
    this.#timer.refresh()
  }

  #check(): void {
    const { turns } = this.#ledger
    if (turns === this.#turns) {
      this.end()
    } else if (this.#resting) {
      this.#turns = turns
      this.#onProgress()
      this.#timer.refresh()
    }
  }

  /** Accepts again, if it rests. */
  end(): void {
    if (!this.#resting) return
    this.#resting = false
    this.#ledger.rest(0)
    this.#onProgress()
    this.#onRest(false)
  }

  close(): void {
    this.#ledger.rest(0)
    clearTimeout(this.#timer)
    loadAddon().closeWaker(this.#waker)
  }
}
