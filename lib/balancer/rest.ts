import { loadAddon } from '../native.ts'
import type { Shift } from './shift.ts'

/** While it rests, it looks so often whether the workers do something. */
const LOOK_MS = 5
/** As often, while they do not, and nothing waits for them. */
const QUIET_LOOK_MS = 20
/** After so long without connections it accepts again. Nor does it rest if they are further apart. */
const LULL_MS = 1000

export interface RestOptions {
  readonly shift: Shift
  /** Whether connections wait to be accepted, or adopted. */
  readonly waiting: () => boolean
  /** Stop or start accepting. The workers may accept from now on, or no more. */
  readonly onRest: (resting: boolean) => void
  /** From time to time while it rests: workers may have sent connections to each other. */
  readonly onLook: () => void
}

/**
 * Keeps the acceptor from being woken for each connection, in the workers' time. While connections come, accepting rests, and the workers accept
 * for themselves (lib/worker/relief.ts): one that sleeps is woken instead, and what comes while all are busy can wait in
 * the kernel's backlog as well as in the device. bench/README.md has what it saves.
 *
 * Somebody accepts at any time. That it rests is said before the batch is dealt that begins the rest, so that whoever receives of it
 * sees that, and watches the sockets from then on; the others are told. A worker goes on until it finds that the rest has ended, or is held. The
 * kernel wakes one of them for a connection, and that one may be blocked, or end, or be held just then, which nobody
 * tells the others: so a timer looks. It ends the rest if something waits and no worker has done anything since the last look, and
 * when nothing has come for a while: then there is no timer. A worker that cannot accept, for want of descriptors, wakes
 * this thread at once. test/model/rest.pml checks all of that.
 *
 * Main thread.
 */
export class Rest {
  readonly #options: RestOptions
  readonly #shift: Shift
  readonly #waker: number
  #timer: NodeJS.Timeout | null = null
  #resting = false
  /** When there was something to deal the last time. */
  #dealtAt = Number.NEGATIVE_INFINITY
  /** The workers' turns that it knows of, and when it saw them. */
  #turns = 0
  #turnedAt = 0

  constructor(options: RestOptions) {
    this.#options = options
    this.#shift = options.shift
    this.#waker = loadAddon().openWaker(() => this.end())
  }

  /** Connections were accepted and are about to be dealt, of a listener where workers accept while this thread rests. */
  beforeDeal(): void {
    const now = performance.now()
    if (!this.#resting && now - this.#dealtAt < LULL_MS) this.#begin(now)
    this.#dealtAt = now
  }

  #begin(now: number): void {
    this.#shift.rest(this.#waker)
    this.#resting = true
    this.#turns = this.#shift.turns
    this.#turnedAt = now
    this.#options.onRest(true)
    this.#lookIn(LOOK_MS)
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), ms).unref()
  }

  #look(): void {
    const now = performance.now()
    const { turns } = this.#shift
    const isQuiet = turns === this.#turns
    if (isQuiet && (now - this.#turnedAt >= LULL_MS || this.#options.waiting())) {
      this.end()
      return
    }
    if (!isQuiet) this.#turnedAt = now
    this.#turns = turns
    this.#lookIn(isQuiet ? QUIET_LOOK_MS : LOOK_MS)
    this.#options.onLook()
  }

  /** Accepts again, if it rests. */
  end(): void {
    if (!this.#resting) return
    this.#resting = false
    this.#stopLooking()
    this.#shift.rest(0)
    this.#options.onRest(false)
  }

  #stopLooking(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  close(): void {
    this.#stopLooking()
    this.#shift.rest(0)
    loadAddon().closeWaker(this.#waker)
  }
}
