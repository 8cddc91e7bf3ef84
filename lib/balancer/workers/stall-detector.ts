import type { Connection, Ledger } from '../../ledger/ledger.ts'
import type { LedgerRecovery } from '../../ledger/recovery.ts'
import type { Fabric } from '../dispatch/fabric.ts'
import type { Waiting } from '../dispatch/waiting.ts'
import type { Eligibility } from './eligibility.ts'
import { Lifetimes } from './lifetimes.ts'
import type { ThreadTimes } from './thread-times.ts'

/**
 * A policy that chose the worker itself is held to its choice for at least so long: with exact and
 * round-robin, the shares are what was asked for.
 */
const LEAST_DIRECTED_MS = 1000
const LOOKS_PER_TIMEOUT = 2
/**
 * Connections that stay wait for their worker so many times as long: what another one takes, it
 * keeps, and a worker that has just started needs some ms of CPU for the first ones. They stay if
 * they are open for that long at least.
 */
const PATIENCE = 10

export interface StallWatchOptions {
  /** Milliseconds. */
  readonly timeout: number
  readonly ledger: Ledger
  readonly recovery: Pick<LedgerRecovery, 'takeSentTo'>
  readonly eligibility: Eligibility
  readonly threads: Pick<ThreadTimes, 'cpu' | 'isReady'>
  readonly fabric: () => Fabric
  /** Whether somebody else calls `look` every few ms now. */
  readonly isLookedAfter: () => boolean
  /**
   * Whether connections are shared out for as long as they stay: what others take then, they keep.
   */
  readonly keepsShares: () => boolean
  /** The workers that have a server. */
  readonly serving: () => readonly number[]
  /**
   * Deals what was waiting at a stalled worker again, if that has not adopted it meanwhile.
   * @returns how many
   */
  readonly takeBack: (connections: readonly Connection[]) => number
  /** These are held already. */
  readonly deal: (connections: readonly Connection[]) => void
}

/** The oldest connection that waits at a worker. */
interface Sight {
  readonly stamp: number
  /** For so many ms it has been there while others moved. */
  late: number
  /** So many of them are the worker's own doing; where shares are to be kept. */
  own: number
  /**
   * CPU time of the worker's thread at the last look, in ms; NaN if it was not asked for, or is not
   * known.
   */
  cpu: number
  /** Its thread slept in something else than its loop at the last look. */
  slept: boolean
}

type Line = keyof Waiting

/**
 * Compared with the look before: nothing waits; something else; something, and nothing did; the
 * same.
 */
type Front = 'empty' | 'moved' | 'new' | 'stuck'

/** One worker at one moment. */
interface Look {
  readonly worker: number
  readonly fronts: Readonly<Record<Line, Front>>
}

/**
 * Finds workers whose event loop is blocked: the same connection waits for them for too long, while
 * other workers move on (when none does, it is the machine, or the process was stopped). What waits
 * there goes to other workers, and nothing is added until the worker has taken, and found stale,
 * what is left in its consumer queues.
 *
 * Where shares are to be kept, what others take they keep. So a worker is not held to be blocked
 * for what the kernel does: only the time counts in which its thread ran, or slept in something
 * else than its loop.
 *
 * The events stay where they are: another event for the same connection is sent, and whoever
 * receives one first has the connection. The ledger's swap decides; the other event is found stale.
 * So it does not matter if the worker wakes just now, and the device's protocol with it is not
 * touched.
 *
 * Main thread. Looks only while connections are on their way, or a worker is stalled.
 */
export class StallWatch {
  readonly #options: StallWatchOptions
  readonly #limits: Readonly<Record<Line, number>>
  readonly #sights: readonly Record<Line, Sight | null>[]
  readonly #lifetimes: Lifetimes
  readonly #period: number
  #lookedAt = 0
  #timer: NodeJS.Timeout | null = null
  #takenBack = 0
  #stopped = false

  constructor(options: StallWatchOptions) {
    const { timeout, ledger } = options
    this.#options = options
    this.#lifetimes = new Lifetimes(ledger.counters, PATIENCE * timeout)
    this.#period = Math.max(1, timeout / LOOKS_PER_TIMEOUT)
    this.#limits = { balanced: timeout, directed: Math.max(timeout, LEAST_DIRECTED_MS) }
    this.#sights = Array.from({ length: ledger.workers }, () => ({ balanced: null, directed: null }))
  }

  /**
   * Connections that were dealt again. Each leaves an event behind that is found stale, or wins.
   */
  get takenBack(): number {
    return this.#takenBack
  }

  /** Connections are on their way. */
  arm(): void {
    if (this.#timer !== null || this.#stopped) return
    this.#timer = setTimeout(() => this.look(), this.#period)
    this.#timer.unref()
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** Also for others who come round from time to time anyway. */
  look(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#stopped) return
    const now = performance.now()
    // When this thread has not come to look for longer, nothing is known of that time.
    const passed = Math.min(now - this.#lookedAt, 2 * this.#period)
    this.#lookedAt = now
    this.#lifetimes.look(now)
    if (this.#isNothingToSee()) {
      for (const sights of this.#sights) sights.balanced = sights.directed = null
      return
    }
    this.#lookAtAll(passed)
    if (!this.#options.isLookedAfter()) this.arm()
  }

  /** As mostly, under a light load: all that was on its way has been adopted since. */
  #isNothingToSee(): boolean {
    const { ledger, eligibility } = this.#options
    return ledger.counters.inFlight === 0 && this.#sights.every((_, worker) => !eligibility.isHeld(worker, 'stalled'))
  }

  #lookAtAll(passed: number): void {
    const { eligibility, serving } = this.#options
    const looks = serving().map((worker) => this.#lookAt(worker))
    const canTake = looks.some((look) => moves(look) && eligibility.isEligible(look.worker))
    for (const look of looks) {
      if (eligibility.isHeld(look.worker, 'stalled')) this.#letGoOnceEmpty(look)
      else if (canTake) this.#wait(look, passed)
    }
  }

  #lookAt(worker: number): Look {
    const { balanced, directed } = this.#options.fabric().waitingAt(worker, 1)
    const fronts = {
      balanced: this.#see(worker, 'balanced', balanced.at(0)),
      directed: this.#see(worker, 'directed', directed.at(0)),
    }
    return { worker, fronts }
  }

  #see(worker: number, line: Line, oldest: Connection | undefined): Front {
    const sights = this.#sights[worker]
    const before = sights[line]
    // The stamp is the accept time.
    if (oldest && before?.stamp === oldest.stamp) return 'stuck'
    sights[line] = oldest ? { stamp: oldest.stamp, late: 0, own: 0, cpu: Number.NaN, slept: false } : null
    if (!oldest) return 'empty'
    return before ? 'moved' : 'new'
  }

  /** While others move. */
  #wait(look: Look, passed: number): void {
    const directed = this.#late(look, 'directed', passed) >= this.#limits.directed
    if (directed || this.#isLateBalanced(look, passed)) this.#takeFrom(look, directed)
  }

  #isLateBalanced(look: Look, passed: number): boolean {
    const keepsShares = this.#options.keepsShares()
    const late = this.#late(look, 'balanced', passed)
    if (!keepsShares) return late >= this.#limits.balanced
    const patience = this.#lifetimes.stay ? PATIENCE : 1
    return this.#ownDoing(look, passed) >= patience * this.#limits.balanced || late >= this.#limits.directed
  }

  /** @returns for how many ms it has been there while others moved */
  #late({ worker, fronts }: Look, line: Line, passed: number): number {
    const sight = this.#sights[worker][line]
    if (sight && fronts[line] === 'stuck') sight.late += passed
    return sight?.late ?? 0
  }

  /**
   * @returns for how many of these ms the worker's thread ran, or slept in something else than its
   *   loop. While it could run, and the kernel has other threads run, it is not blocked: it takes
   *   what waits as soon as it has a core. Nor is it if it sleeps for a moment, as V8 does when it
   *   collects garbage: a sleep counts from one look to the next.
   */
  #ownDoing({ worker, fronts }: Look, passed: number): number {
    const { threads } = this.#options
    const sight = this.#sights[worker].balanced
    if (!sight) return 0
    const { cpu: before, slept } = sight
    const cpu = threads.cpu(worker)
    sight.cpu = cpu
    sight.slept = !threads.isReady(worker)
    if (fronts.balanced !== 'stuck') return 0
    if (Number.isNaN(cpu) || (slept && sight.slept && cpu === before)) sight.own += passed
    else if (!Number.isNaN(before)) sight.own += Math.min(cpu - before, passed)
    return sight.own
  }

  #takeFrom({ worker }: Look, lateDirected: boolean): void {
    const { eligibility, fabric, takeBack } = this.#options
    eligibility.hold(worker, 'stalled')
    this.#takenBack += takeBack(fabric().waitingAt(worker).balanced)
    if (lateDirected) this.#takeBackSent(worker)
  }

  #letGoOnceEmpty({ worker, fronts }: Look): void {
    if (fronts.balanced !== 'empty' || fronts.directed !== 'empty') return
    this.#options.eligibility.letGo(worker, 'stalled')
  }

  #takeBackSent(worker: number): void {
    const { recovery, deal } = this.#options
    const taken = recovery.takeSentTo(worker)
    this.#takenBack += taken.length
    deal(taken)
  }
}

/** It takes what it is dealt, as far as can be seen. */
function moves({ fronts }: Look): boolean {
  return [fronts.balanced, fronts.directed].every((front) => front === 'empty' || front === 'moved')
}
