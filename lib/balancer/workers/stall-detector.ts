import type { Connection, Ledger } from '../../ledger/ledger.ts'
import type { LedgerRecovery } from '../../ledger/recovery.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import type { Policy } from '../dispatch/policies/index.ts'
import type { Waiting } from '../dispatch/waiting.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { Eligibility } from './eligibility.ts'
import { Lifetimes } from './lifetimes.ts'
import type { ServingWorkers } from './serving-workers.ts'
import type { ThreadTimes } from './thread-times.ts'

/**
 * The least timeout, in ms, of a connection for which the policy itself chose the worker: under
 * exact and round-robin, the shares are as the user asked for.
 */
const LEAST_DIRECTED_MS = 1000
const CHECKS_PER_TIMEOUT = 2
/**
 * Factor by which connections that stay wait longer for their worker: a worker that takes such a
 * connection from another keeps it, and a worker that has just started needs some ms of CPU for its
 * first connections. Connections stay if they are open for at least `stallTimeout` times this
 * factor.
 */
const PATIENCE = 10

export interface StallDetectorParts {
  /** `stallTimeout` is greater than 0. */
  readonly options: Pick<ResolvedOptions, 'stallTimeout'>
  readonly ledger: Ledger
  readonly recovery: Pick<LedgerRecovery, 'takeSentTo'>
  readonly eligibility: Eligibility
  readonly threadTimes: Pick<ThreadTimes, 'cpu' | 'isReady'>
  readonly dispatch: Pick<Dispatch, 'domain' | 'dealer'>
  readonly serving: Pick<ServingWorkers, 'indexes'>
  readonly table: Listeners
}

interface Listeners {
  listeners(): readonly { readonly policy: Pick<Policy, 'completion'> }[]
}

/** The oldest connection that waits at a worker. */
interface Oldest {
  readonly stamp: number
  /** Milliseconds for which it has waited while other workers made progress. */
  late: number
  /**
   * Milliseconds of these for which the worker itself was blocked. Only measured where shares are
   * to be kept.
   */
  blocked: number
  /**
   * CPU time of the worker's thread at the last check, in ms; NaN if it was not asked for, or is
   * not known.
   */
  cpu: number
  /** Whether, at the last check, the thread slept outside its loop. */
  slept: boolean
}

type Line = keyof Waiting

/** What waits first in one of a worker's ports, compared with the check before. */
type Front = 'empty' | 'moved' | 'new' | 'stuck'

/** What waits at one worker at one moment. */
interface Sample {
  readonly worker: number
  readonly fronts: Readonly<Record<Line, Front>>
}

/**
 * Finds workers whose event loop is blocked: the same connection waits for such a worker for too
 * long while other workers make progress. (When none does, the machine is at fault, or the process
 * was stopped.) The connections that wait there go to other workers, and the worker gets no new
 * ones until it has received, and found stale, what is left in its consumer queues.
 *
 * Where shares are to be kept, a worker that takes a connection from another keeps it. So a worker
 * must not count as blocked because of what the kernel does: only the time counts in which its
 * thread ran, or slept outside its loop.
 *
 * Invariant: each connection is adopted once. The events stay where they are: another event is sent
 * for the same connection, and the worker that receives one first gets the connection. The
 * compare-and-swap in the ledger decides, and the other event is found stale. Therefore a worker
 * that wakes at the same moment does no harm, and its protocol with the device is not disturbed.
 *
 * Main thread. It checks only while connections are on their way, or a worker is stalled.
 */
export class StallDetector {
  readonly #parts: StallDetectorParts
  readonly #limits: Readonly<Record<Line, number>>
  /** By worker. */
  readonly #oldest: readonly Record<Line, Oldest | null>[]
  readonly #lifetimes: Lifetimes
  readonly #period: number
  #checkedAt = 0
  #timer: NodeJS.Timeout | null = null
  #takenBack = 0
  #isStopped = false

  constructor(parts: StallDetectorParts) {
    const { ledger } = parts
    const { stallTimeout: timeout } = parts.options
    this.#parts = parts
    this.#lifetimes = new Lifetimes(ledger.counters, PATIENCE * timeout)
    this.#period = Math.max(1, timeout / CHECKS_PER_TIMEOUT)
    this.#limits = { balanced: timeout, directed: Math.max(timeout, LEAST_DIRECTED_MS) }
    this.#oldest = Array.from({ length: ledger.workers }, () => ({ balanced: null, directed: null }))
  }

  /**
   * The number of connections that were dealt again. For each of them there are two events: the one
   * that is received first wins, and the other is found stale.
   */
  get takenBack(): number {
    return this.#takenBack
  }

  /** Starts checking, because connections are on their way. */
  arm(): void {
    if (this.#timer !== null || this.#isStopped) return
    this.#timer = setTimeout(() => this.check(), this.#period)
    this.#timer.unref()
  }

  stop(): void {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** Checks now. Callers that have a timer of their own may check more often than the period. */
  check(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#isStopped) return
    const now = performance.now()
    // At most two periods count: nothing is known of a longer time without a check.
    const passed = Math.min(now - this.#checkedAt, 2 * this.#period)
    this.#checkedAt = now
    this.#lifetimes.sample(now)
    if (this.#isIdle()) {
      for (const oldest of this.#oldest) oldest.balanced = oldest.directed = null
      return
    }
    this.#checkAll(passed)
    // While workers accept, AcceptSwitch checks every few ms.
    if (!this.#parts.ledger.acceptMode.workersAccept) this.arm()
  }

  /**
   * Whether every connection has been adopted and no worker is stalled, which is the usual case
   * under a light load.
   */
  #isIdle(): boolean {
    const { ledger, eligibility } = this.#parts
    return ledger.counters.inFlight === 0 && this.#oldest.every((_, worker) => !eligibility.isHeld(worker, 'stalled'))
  }

  #checkAll(passed: number): void {
    const { eligibility, serving } = this.#parts
    const samples = serving.indexes.map((worker) => this.#sample(worker))
    const canTake = samples.some((sample) => moves(sample) && eligibility.isEligible(sample.worker))
    for (const sample of samples) {
      if (eligibility.isHeld(sample.worker, 'stalled')) this.#letGoOnceEmpty(sample)
      else if (canTake) this.#judge(sample, passed)
    }
  }

  #sample(worker: number): Sample {
    const { balanced, directed } = this.#parts.dispatch.domain.waitingAt(worker, 1)
    const fronts = {
      balanced: this.#compare(worker, 'balanced', balanced.at(0)),
      directed: this.#compare(worker, 'directed', directed.at(0)),
    }
    return { worker, fronts }
  }

  #compare(worker: number, line: Line, now: Connection | undefined): Front {
    const oldest = this.#oldest[worker]
    const before = oldest[line]
    // Stamps are accept times, so the same stamp means the same connection.
    if (now && before?.stamp === now.stamp) return 'stuck'
    oldest[line] = now ? { stamp: now.stamp, late: 0, blocked: 0, cpu: Number.NaN, slept: false } : null
    if (!now) return 'empty'
    return before ? 'moved' : 'new'
  }

  /**
   * Adds the time that has passed while other workers made progress, and takes connections from the
   * worker if they are late.
   */
  #judge(sample: Sample, passed: number): void {
    const isDirectedLate = this.#late(sample, 'directed', passed) >= this.#limits.directed
    if (isDirectedLate || this.#isBalancedLate(sample, passed)) this.#takeFrom(sample, isDirectedLate)
  }

  #isBalancedLate(sample: Sample, passed: number): boolean {
    const late = this.#late(sample, 'balanced', passed)
    if (!this.#keepsShares()) return late >= this.#limits.balanced
    const patience = this.#lifetimes.stay ? PATIENCE : 1
    return this.#blocked(sample, passed) >= patience * this.#limits.balanced || late >= this.#limits.directed
  }

  /**
   * Whether a policy counts connections until they are closed. Then a worker that takes a
   * connection from another keeps it in its share.
   */
  #keepsShares(): boolean {
    return this.#parts.table.listeners().some(({ policy }) => policy.completion === 'close')
  }

  /**
   * @returns the milliseconds for which the oldest connection has waited while others made progress
   */
  #late({ worker, fronts }: Sample, line: Line, passed: number): number {
    const oldest = this.#oldest[worker][line]
    if (oldest && fronts[line] === 'stuck') oldest.late += passed
    return oldest?.late ?? 0
  }

  /**
   * Milliseconds of these for which the worker's thread ran, or slept outside its loop. A thread
   * that could run while the kernel runs other threads is not blocked: it takes what waits as soon
   * as it has a core. A thread that sleeps for a moment, as V8 does when it collects garbage, is
   * not blocked either: a sleep counts only if it lasts from one check to the next.
   */
  #blocked({ worker, fronts }: Sample, passed: number): number {
    const { threadTimes } = this.#parts
    const oldest = this.#oldest[worker].balanced
    if (!oldest) return 0
    const { cpu: before, slept } = oldest
    const cpu = threadTimes.cpu(worker)
    oldest.cpu = cpu
    oldest.slept = !threadTimes.isReady(worker)
    if (fronts.balanced !== 'stuck') return 0
    if (Number.isNaN(cpu) || (slept && oldest.slept && cpu === before)) oldest.blocked += passed
    else if (!Number.isNaN(before)) oldest.blocked += Math.min(cpu - before, passed)
    return oldest.blocked
  }

  #takeFrom({ worker }: Sample, isDirectedLate: boolean): void {
    const { eligibility, dispatch } = this.#parts
    eligibility.hold(worker, 'stalled')
    this.#takenBack += dispatch.dealer.recover(dispatch.domain.waitingAt(worker).balanced)
    if (isDirectedLate) this.#takeBackSent(worker)
  }

  #letGoOnceEmpty({ worker, fronts }: Sample): void {
    if (fronts.balanced !== 'empty' || fronts.directed !== 'empty') return
    this.#parts.eligibility.letGo(worker, 'stalled')
  }

  #takeBackSent(worker: number): void {
    const { recovery, dispatch } = this.#parts
    const taken = recovery.takeSentTo(worker)
    this.#takenBack += taken.length
    dispatch.dealer.deal(taken)
  }
}

/** Whether the worker receives what it is dealt, as far as main can see. */
function moves({ fronts }: Sample): boolean {
  return [fronts.balanced, fronts.directed].every((front) => front === 'empty' || front === 'moved')
}
