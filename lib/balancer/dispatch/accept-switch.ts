import type { AcceptMode, AcceptModeName } from '../../ledger/accept-mode.ts'
import type { LedgerCounters } from '../../ledger/counters.ts'
import { loadAddon } from '../../native.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { Eligibility, EligibilityObserver } from '../workers/eligibility.ts'
import type { ServingWorkers } from '../workers/serving-workers.ts'
import type { StallDetector } from '../workers/stall-detector.ts'
import type { Workers } from '../workers/workers.ts'
import { mainDebug } from './main-debug.ts'

/** Milliseconds between two checks of whether the workers make progress. */
const CHECK_MS = 5
/** The same while nothing happens and no connection waits for the workers. */
const IDLE_CHECK_MS = 20
/**
 * Milliseconds without a connection after which main accepts again. Workers do not begin to accept
 * if connections are further apart than this, because then the checks cost more than waking main
 * for each connection.
 */
const LULL_MS = 100
/** Milliseconds for which main accepts after the workers have made no progress. */
const RECOVERY_MS = 100

/**
 * The state of the backlogs of the listeners from which workers accept:
 * - empty: no connection waits
 * - waiting: a connection waits
 * - stranded: a connection waited in a backlog at the last check, too, and no worker has accepted
 *   there since
 */
export type Backlogs = 'empty' | 'waiting' | 'stranded'

/** What the switch uses of the balancer's listening sockets. */
export interface AcceptingListeners {
  /** Makes main accept from the listeners or stop, as the mode says. */
  setAcceptMode(mode: AcceptModeName): void
  /** Whether workers can accept from the listener instead of main. */
  canWorkersAccept(listener: number): boolean
  /** Samples the backlogs, and compares them with the last call. */
  checkBacklogs(): Backlogs
}

export interface AcceptSwitchParts {
  readonly ledger: {
    readonly acceptMode: AcceptMode
    readonly counters: Pick<LedgerCounters, 'inFlight' | 'moves'>
  }
  readonly table: { readonly accepting: AcceptingListeners }
  readonly workers: Pick<Workers, 'post'>
  readonly eligibility: Pick<Eligibility, 'isEligible'>
  readonly serving: Pick<ServingWorkers, 'indexes'>
  /** null: stalled workers are not detected. */
  readonly stalls: Pick<StallDetector, 'arm' | 'check'> | null
  readonly options: Pick<ResolvedOptions, 'debug' | 'workerPlaces'>
}

/**
 * Decides which threads accept, and is the only object that sets the accept mode:
 * - paused: while the dealer is blocked, because the device has no credits left or a limit is
 *   reached, and once the balancer closes
 * - workers: while connections come quickly on listeners from which workers can accept
 * - main: otherwise
 *
 * Under load, workers accept directly (lib/worker/connections/acceptor.ts), so that the main thread
 * is not woken for every connection. A worker that sleeps is woken instead, and connections that
 * come while all of them are busy can wait in the kernel's backlog as well as in the device.
 * bench/NOTES.md says how much this saves.
 *
 * Invariant: unless the mode is paused, some thread accepts. The mode is set before the workers are
 * told of it, so that the workers that are not held see it when they are told, and watch the
 * listening sockets from then on. A worker continues until it finds another mode. A worker that
 * finds itself held, or that cannot accept because no descriptors are left, calls main at once, and
 * main accepts again. A worker that ceases to be held is told of the mode, as all workers are when
 * the mode begins.
 *
 * But the kernel wakes only one worker for a connection. That worker may be blocked at that moment,
 * or end, or wake only when one period in which workers accept has ended and the next has begun.
 * Nothing tells the other workers of that connection. Therefore a timer checks. Main accepts again
 * if a backlog is stranded, if no worker adopts what was accepted, and when no connection has come
 * for a while; after that there is no timer. test/model/accept-mode.pml checks all of this.
 *
 * Main thread.
 */
export class AcceptSwitch implements EligibilityObserver {
  readonly #parts: AcceptSwitchParts
  readonly #debug: ((line: string) => void) | null
  readonly #mode: AcceptMode
  readonly #waker: number
  /** The next check while workers accept. */
  #timer: NodeJS.Timeout | null = null
  /** The immediate that lets the workers accept on the next turn of the loop. */
  #due: NodeJS.Immediate | null = null
  #closed = false
  /** When main last accepted, in milliseconds of `performance.now()`, as all times here. */
  #acceptedAt = Number.NEGATIVE_INFINITY
  /** Workers do not accept before this time. */
  #notBefore = 0
  /** The ledger's count of moves at the last check, and when it was last found to have grown. */
  #moves = 0
  #movedAt = 0

  constructor(parts: AcceptSwitchParts) {
    this.#parts = parts
    this.#debug = mainDebug(parts.options)
    this.#mode = parts.ledger.acceptMode
    this.#waker = loadAddon().openWaker(() => this.acceptInMain())
    this.#mode.setWaker(this.#waker)
  }

  get mode(): AcceptModeName {
    return this.#mode.current
  }

  /** Main has accepted and dealt connections of the listener. */
  accepted(listener: number): void {
    if (this.mode === 'paused' || !this.#parts.table.accepting.canWorkersAccept(listener)) return
    const now = performance.now()
    const isSoon = now - this.#acceptedAt < LULL_MS
    this.#acceptedAt = now
    if (!isSoon || now < this.#notBefore || this.mode === 'workers') return
    // Main first accepts from all sockets that are ready in this turn of the loop.
    this.#due ??= setImmediate(() => this.#letWorkersAccept())
  }

  /**
   * Called when the dealer has to wait, for credits or because of a limit, and when it no longer
   * has to.
   */
  setBlocked(blocked: boolean): void {
    if (blocked) this.#set('paused')
    else if (this.mode === 'paused') this.#set('main')
  }

  /** A worker that is held accepts nothing. A worker that ceases to be held is told of the mode. */
  eligibilityChanged(worker: number, eligible: boolean): void {
    this.#mode.setHeld(worker, !eligible)
    if (eligible && this.#mode.workersAccept) this.#tell(worker)
  }

  /** Makes main accept instead of the workers, now and if they were about to begin. */
  acceptInMain(): void {
    this.#cancel()
    if (this.#mode.workersAccept) this.#set('main')
  }

  /** Stops accepting for good. */
  close(): void {
    if (this.#closed) return
    this.#set('paused')
    this.#closed = true
    loadAddon().closeWaker(this.#waker)
  }

  #letWorkersAccept(): void {
    this.#due = null
    this.#set('workers')
    this.#movedAt = performance.now()
    // This forgets what waited in an earlier period, which is not the same as what waits now.
    this.#parts.table.accepting.checkBacklogs()
    const { serving, eligibility } = this.#parts
    for (const worker of serving.indexes) if (eligibility.isEligible(worker)) this.#tell(worker)
    this.#checkIn(CHECK_MS)
  }

  #tell(worker: number): void {
    this.#parts.workers.post(worker, { type: 'workers-accept' })
  }

  #set(mode: AcceptModeName): void {
    this.#cancel()
    const before = this.mode
    if (mode === before || this.#closed) return
    this.#mode.set(mode)
    this.#parts.table.accepting.setAcceptMode(mode)
    if (before === 'workers') this.#parts.stalls?.arm()
    this.#debug?.(`accept mode ${mode}`)
  }

  #cancel(): void {
    if (this.#due !== null) clearImmediate(this.#due)
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#due = this.#timer = null
  }

  #checkIn(ms: number): void {
    this.#timer = setTimeout(() => this.#check(), ms).unref()
  }

  #check(): void {
    const now = performance.now()
    const { table, ledger, stalls } = this.#parts
    const backlogs = table.accepting.checkBacklogs()
    const { moves, inFlight } = ledger.counters
    const isQuiet = moves === this.#moves
    if (!isQuiet) this.#movedAt = now
    this.#moves = moves
    const makeNoProgress = backlogs === 'stranded' || (isQuiet && inFlight > 0)
    if (makeNoProgress) this.#notBefore = now + RECOVERY_MS
    if (makeNoProgress || (isQuiet && now - this.#movedAt >= LULL_MS)) {
      this.acceptInMain()
      return
    }
    this.#checkIn(isQuiet && backlogs === 'empty' ? IDLE_CHECK_MS : CHECK_MS)
    stalls?.check()
  }
}
