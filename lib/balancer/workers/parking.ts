import type { Worker } from 'node:worker_threads'
import { scaled } from '../../time-scale.ts'
import type { Eligibility } from './eligibility.ts'

const PERIOD_MS = 50
/**
 * Above this mean utilization of the event loops in use, one more worker is woken in each period.
 */
const BUSY = 0.6
/** Workers are parked if the mean utilization of the others would then be at most this... */
const QUIET = 0.3
/** ...and if one worker could have been parked for this many periods: 1 s. */
const QUIET_PERIODS = scaled(20)
/**
 * While more connections than this wait for each worker in use, the number of workers in use is
 * doubled in each period.
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
 * parked worker keeps the connections that it has, and gets no new ones. Rising load wakes one
 * worker each 50 ms, or as many as are in use when connections wait. Falling load parks at most
 * half of those in use each second, those with the highest numbers first. Between 30% (of those
 * that would remain) and 60% nothing changes.
 *
 * Main thread. Main reads the event loops' utilization itself, which wakes no worker.
 */
export class Parking {
  readonly #parts: ParkingParts
  readonly #timer: NodeJS.Timeout
  /** By thread: its idle and active time in the last period. */
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
    // New connections do not cause what parked workers still have to do.
    const busy = used.reduce((sum, worker) => sum + worker.busy, 0)
    const isQuiet = used.length > 1 && busy / (used.length - 1) <= QUIET
    this.#quietPeriods = isQuiet ? this.#quietPeriods + 1 : 0
    if (used.length === 0) this.#wake(parked)
    else if (ledger.counters.inFlight > PRESSED * used.length) this.#wake(parked.slice(0, used.length))
    else if (busy / used.length > BUSY) this.#wake(parked.slice(0, 1))
    else if (this.#quietPeriods >= QUIET_PERIODS) this.#park(used, busy)
  }

  /** @returns 0 to 1, for the time since the last call */
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
