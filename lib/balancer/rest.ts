import { loadAddon } from '../native.ts'
import type { Shift } from './shift.ts'

/** It accepts again once no worker has done anything for so long: they may all be blocked. Nor does it rest if connections are further apart. */
const PATIENCE_MS = 5
/** It does not rest while more workers than that have nothing to do: each of those that watch is woken for each connection. */
const FEW_IDLE = 4

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
 * Keeps the acceptor from being woken again and again in the workers' time. While connections come in quick succession and no more
 * than a few workers have nothing to do, accepting rests, and the workers accept for themselves (lib/worker/relief.ts): what comes can
 * wait in the kernel's backlog as well as in the device. Once many are idle, or none has done anything about connections for a while,
 * it accepts again: one thread is woken for a connection then, and not all that are idle. bench/README.md has what it saves.
 *
 * Somebody accepts at any time. That it rests is said before the batch is dealt that begins the rest, so that whoever receives of it
 * sees that, and watches the sockets from then on; it goes on until it finds that the rest has ended. If they are all blocked, or die, nobody does
 * anything: then the timer ends the rest. A worker that cannot accept, for want of descriptors, wakes this thread at once.
 * test/model/rest.pml checks all of that. Who is idle is only about speed.
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
  /** When there was something to deal the last time. */
  #dealtAt = 0
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

  /** Connections were accepted and are about to be dealt, of a listener where workers accept while this thread rests. */
  beforeDeal(): void {
    if (!this.#resting && this.#isDue()) this.#begin()
  }

  #isDue(): boolean {
    const now = performance.now()
    const isBusyTime = now - this.#dealtAt < PATIENCE_MS
    this.#dealtAt = now
    return isBusyTime && this.#idle() <= FEW_IDLE
  }

  #begin(): void {
    this.#shift.rest(this.#waker)
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
