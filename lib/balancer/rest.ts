import { loadAddon } from '../native.ts'
import type { Shift } from './shift.ts'

/** It accepts again once no worker has done anything for so long: they may all be blocked. */
const PATIENCE_MS = 5
/** And if more workers than that have nothing to do: each of them is woken for each connection. */
const FEW_IDLE = 2

export interface RestOptions {
  readonly shift: Shift
  /** How many workers have nothing to do. */
  readonly idle: () => number
  /** Stop or start accepting. */
  readonly onRest: (resting: boolean) => void
  /** Meanwhile workers have done something: they may have sent connections to each other. */
  readonly onProgress: () => void
}

/**
 * Keeps the acceptor from being woken again and again in the workers' time. While all workers have something to do, after a batch that gives
 * each idle one something, accepting rests, and the workers accept for themselves (lib/worker/relief.ts): what comes can wait in the
 * kernel's backlog as well as in the device. Once some are idle for a while, or none has done anything about connections, it accepts again: with
 * little to do, one thread is woken for a connection instead of all that are idle. bench/README.md has what it saves.
 *
 * This thread says that it rests, and then looks who is idle; a worker says that it is idle, and then looks whether this thread
 * rests. Both words are sequentially consistent, so one of them sees the other: a worker that is not counted as idle watches the
 * sockets. It is said before the batch is dealt, so that whoever receives of it knows. Workers that are all blocked, or die, do nothing:
 * then the timer ends the rest, too. A worker that cannot accept, for want of descriptors, wakes this thread at once.
 * test/model/rest.pml checks all of that.
 *
 * Main thread.
 */
export class Rest {
  readonly #shift: Shift
  readonly #idle: RestOptions['idle']
  readonly #onRest: RestOptions['onRest']
  readonly #onProgress: RestOptions['onProgress']
  readonly #waker: number
  readonly #timer: NodeJS.Timeout
  #resting = false
  /** The workers' turns that it knows of. */
  #turns = 0

  constructor({ shift, idle, onRest, onProgress }: RestOptions) {
    this.#shift = shift
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
    this.#shift.rest(this.#waker)
    if (count < this.#idle()) {
      this.#shift.rest(0)
      return
    }
    this.#resting = true
    this.#turns = this.#shift.turns
    this.#onRest(true)
    this.#timer.refresh()
  }

  #check(): void {
    if (!this.#resting) return
    const { turns } = this.#shift
    if (turns === this.#turns || this.#idle() > FEW_IDLE) {
      this.end()
      return
    }
    this.#turns = turns
    this.#onProgress()
    this.#timer.refresh()
  }

  /** Accepts again, if it rests. */
  end(): void {
    if (!this.#resting) return
    this.#resting = false
    this.#shift.rest(0)
    this.#onRest(false)
  }

  close(): void {
    this.#shift.rest(0)
    clearTimeout(this.#timer)
    loadAddon().closeWaker(this.#waker)
  }
}
