import type { Shift } from '../../ledger/accept-mode.ts'
import type { LedgerCounters } from '../../ledger/counters.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { loadAddon } from '../../native.ts'
import type { Backlogs } from '../listeners/table.ts'

/** While it rests, it looks so often whether the workers get on. */
const LOOK_MS = 5
/** So often, while nothing happens, and nothing waits for them. */
const QUIET_LOOK_MS = 20
/**
 * After so long without connections it accepts again. Nor does it rest if they are further apart:
 * to look costs more then than to be woken.
 */
const LULL_MS = 100
/** So long it accepts itself after a rest in which the workers did not get on. */
const PAUSE_MS = 100

export interface RestOptions {
  readonly ledger: Pick<Ledger, 'shift'> & { readonly counters: Pick<LedgerCounters, 'inFlight' | 'moves'> }
  /** What waits where workers accept, compared with the last look. */
  readonly backlogs: () => Backlogs
  /** Stop or start accepting. The workers may accept from now on, or no more. */
  readonly onRest: (resting: boolean) => void
  /** From time to time while it rests: workers may have sent connections to each other. */
  readonly onLook: () => void
}

/**
 * Keeps the acceptor from being woken for each connection, in the workers' time. While connections
 * come, accepting rests, and the workers accept for themselves (lib/worker/connections/acceptor.ts):
 * one that sleeps is woken instead, and what comes while all are busy can wait in the kernel's
 * backlog as well as in the device. bench/NOTES.md has what it saves.
 *
 * Somebody accepts at any time. That it rests is said before the workers are told, so that those
 * that are not held see it, and watch the sockets from then on. A worker goes on until it finds
 * that the rest has ended. One that finds itself held, or cannot accept for want of descriptors,
 * wakes this thread at once; one that is held no more is told as at the beginning. But the kernel
 * wakes one worker for a connection, and that one may be blocked just then, or end, or find that
 * one rest has ended when the next begins; nobody tells the others. So a timer looks. It ends the
 * rest if a backlog strands (see `lookAtBacklogs`), if what was accepted is not adopted by anybody,
 * and when nothing has come for a while: then there is no timer. test/model/accept-mode.pml checks all of
 * that.
 *
 * Main thread.
 */
export class Rest {
  readonly #options: RestOptions
  readonly #shift: Shift
  readonly #waker: number
  #timer: NodeJS.Timeout | null = null
  /** It is about to rest. */
  #due: NodeJS.Immediate | null = null
  #closed = false
  /** When there was something to deal the last time. */
  #dealtAt = Number.NEGATIVE_INFINITY
  /** It does not rest before that. */
  #notBefore = 0
  /** What had been accepted and adopted at the last look, and since when. */
  #moves = 0
  #movedAt = 0

  constructor(options: RestOptions) {
    this.#options = options
    this.#shift = options.ledger.shift
    this.#waker = loadAddon().openWaker(() => this.end())
  }

  /**
   * Connections were accepted and dealt, of a listener where workers accept while this thread
   * rests.
   */
  dealt(): void {
    const now = performance.now()
    const isSoon = now - this.#dealtAt < LULL_MS
    this.#dealtAt = now
    if (this.#shift.isResting || this.#closed || !isSoon || now < this.#notBefore) return
    // First it accepts of all sockets that are ready in this turn of the loop.
    this.#due ??= setImmediate(() => this.#begin())
  }

  #begin(): void {
    this.#due = null
    this.#shift.rest(this.#waker)
    this.#movedAt = performance.now()
    // What waited in the last rest is not the same.
    this.#options.backlogs()
    this.#options.onRest(true)
    this.#lookIn(LOOK_MS)
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), ms).unref()
  }

  #look(): void {
    const now = performance.now()
    const backlogs = this.#options.backlogs()
    const { moves, inFlight } = this.#options.ledger.counters
    const isQuiet = moves === this.#moves
    if (!isQuiet) this.#movedAt = now
    this.#moves = moves
    const doNotGetOn = backlogs === 'stranded' || (isQuiet && inFlight > 0)
    if (doNotGetOn) this.#notBefore = now + PAUSE_MS
    if (doNotGetOn || (isQuiet && now - this.#movedAt >= LULL_MS)) {
      this.end()
      return
    }
    this.#lookIn(isQuiet && backlogs === 'empty' ? QUIET_LOOK_MS : LOOK_MS)
    this.#options.onLook()
  }

  /** Accepts again, if it rests or is about to. */
  end(): void {
    if (this.#due !== null) clearImmediate(this.#due)
    this.#due = null
    if (!this.#shift.isResting) return
    this.#stopLooking()
    this.#shift.rest(0)
    this.#options.onRest(false)
  }

  #stopLooking(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** Accepts again, for good. */
  close(): void {
    if (this.#closed) return
    this.end()
    this.#closed = true
    loadAddon().closeWaker(this.#waker)
  }
}
