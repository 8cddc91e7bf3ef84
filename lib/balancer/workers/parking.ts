import type { Worker } from 'node:worker_threads'
import { scaled } from '../../time-scale.ts'
import type { Eligibility } from './eligibility.ts'

const PERIOD_MS = 50
/**
 * Mean utilization of the event loops in use above which one more worker is woken in each period.
 */
const BUSY = 0.6
/** Workers are parked if the mean utilization of the others would then be at most this value... */
const QUIET = 0.3
/** ...and if one worker could have been parked for this many periods: 1 s. */
const QUIET_PERIODS = scaled(20)
/**
 * Waiting connections for each worker in use, above which the number of workers in use is doubled
 * in each period.
 */
const PRESSED = 2

export interface ParkingParts {
  readonly eligibility: Eligibility
  readonly serving: Serving
  readonly ledger: { readonly counters: InFlight }
}

interface Serving {
  /** The workers that have a server, in the order of their numbers. */
  readonly threads: readonly { readonly index: number; readonly worker: Worker }[]
}

interface InFlight {
  /** Connections that are accepted and not adopted. */
  readonly inFlight: number
}

/**
 * Under light load, keeps new connections on few workers, so that the others' threads sleep. A
 * parked worker keeps the connections that it has, and gets no new ones. When load rises, one
 * worker is woken each 50 ms, or, while connections wait, as many as are in use. When load falls,
 * at most half of the workers in use are parked each second, those with the highest numbers first.
 * Nothing changes while the utilization is between 30% (of the workers that would remain) and 60%.
 *
 * Main thread. Main reads the event loops' utilization itself, which wakes no worker.
 */
export class Parking {
  readonly #parts: ParkingParts
  readonly #timer: NodeJS.Timeout
  /** By thread: its idle and active time at the last call. */
  readonly #before = new WeakMap<Worker, ReturnType<Worker['performance']['eventLoopUtilization']>>()
  #quietPeriods = 0

  constructor(parts: ParkingParts) {
    this.#parts = parts
    this.#timer = setInterval(() => this.#adjust(), PERIOD_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #adjust(): void {
    const { eligibility, serving, ledger } = this.#parts
    const workers = serving.threads.map(({ index, worker }) => ({ index, busy: this.#utilization(worker) }))
    const used = workers.filter(({ index }) => eligibility.isEligible(index))
    const parked = workers.filter(({ index }) => eligibility.isHeld(index, 'parked'))
    // The work that parked workers still have does not count, because new connections do not cause
    // it.
    const busy = used.reduce((sum, worker) => sum + worker.busy, 0)
    const isQuiet = used.length > 1 && busy / (used.length - 1) <= QUIET
    this.#quietPeriods = isQuiet ? this.#quietPeriods + 1 : 0
    if (used.length === 0) this.#wake(parked)
    else if (ledger.counters.inFlight > PRESSED * used.length) this.#wake(parked.slice(0, used.length))
    else if (busy / used.length > BUSY) this.#wake(parked.slice(0, 1))
    else if (this.#quietPeriods >= QUIET_PERIODS) this.#park(used, busy)
  }

  /** The utilization since the last call, 0 to 1; 0 at the first call. */
  #utilization(worker: Worker): number {
    const before = this.#before.get(worker)
    const now = worker.performance.eventLoopUtilization()
    this.#before.set(worker, now)
    return before ? worker.performance.eventLoopUtilization(now, before).utilization : 0
  }

  #wake(workers: readonly { readonly index: number }[]): void {
    for (const { index } of workers) this.#parts.eligibility.letGo(index, 'parked')
  }

  #park(used: readonly { readonly index: number }[], busy: number): void {
    this.#quietPeriods = 0
    const needed = Math.max(Math.ceil(used.length / 2), Math.ceil(busy / QUIET))
    for (const { index } of used.slice(needed)) this.#parts.eligibility.hold(index, 'parked')
  }
}
