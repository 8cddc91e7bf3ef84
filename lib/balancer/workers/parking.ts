import type { Worker } from 'node:worker_threads'
import type { Eligibility } from './eligibility.ts'

const PERIOD_MS = 50
/** Above this mean utilization of the event loops in use, one more worker is woken, each period. */
const BUSY = 0.6
/** Workers are parked if the others would then be at most so busy on average... */
const QUIET = 0.3
/** ...and that was so of one worker for this many periods: 1 s. */
const QUIET_PERIODS = 20
/**
 * While more connections than that wait for each worker in use, as many workers again are woken,
 * each period.
 */
const PRESSED = 2

export interface ParkingOptions {
  readonly eligibility: Eligibility
  /** The workers that have a server, in the order of their numbers. */
  readonly serving: () => readonly { readonly index: number; readonly worker: Worker }[]
  /** Connections that are accepted and not adopted. */
  readonly inFlight: () => number
}

/**
 * Under light load, keeps new connections on few workers, so that the others' threads sleep: a
 * parked worker has what it had, and gets nothing new. Rising load wakes one worker each 50 ms, or
 * as many as are in use when connections wait; falling load parks at most half of those in use each
 * second, those with the highest numbers first. Between 30% (of those that would remain) and 60%
 * nothing changes.
 *
 * Main thread. Event loop utilization is read from here, and wakes nobody.
 */
export class Parking {
  readonly #options: ParkingOptions
  readonly #timer: NodeJS.Timeout
  /** By thread: its idle and active time at the last look. */
  readonly #before = new WeakMap<Worker, ReturnType<Worker['performance']['eventLoopUtilization']>>()
  #quietPeriods = 0

  constructor(options: ParkingOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#look(), PERIOD_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const { eligibility, serving, inFlight } = this.#options
    const workers = serving().map(({ index, worker }) => ({ index, busy: this.#utilization(worker) }))
    const used = workers.filter(({ index }) => eligibility.isEligible(index))
    const parked = workers.filter(({ index }) => eligibility.isHeld(index, 'parked'))
    // What parked workers still have to do is not what new connections cause.
    const busy = used.reduce((sum, worker) => sum + worker.busy, 0)
    const isQuiet = used.length > 1 && busy / (used.length - 1) <= QUIET
    this.#quietPeriods = isQuiet ? this.#quietPeriods + 1 : 0
    if (used.length === 0) this.#wake(parked)
    else if (inFlight() > PRESSED * used.length) this.#wake(parked.slice(0, used.length))
    else if (busy / used.length > BUSY) this.#wake(parked.slice(0, 1))
    else if (this.#quietPeriods >= QUIET_PERIODS) this.#park(used, busy)
  }

  /** 0 to 1, since the last look. */
  #utilization(worker: Worker): number {
    const before = this.#before.get(worker)
    const now = worker.performance.eventLoopUtilization()
    this.#before.set(worker, now)
    return before ? worker.performance.eventLoopUtilization(now, before).utilization : 0
  }

  #wake(workers: readonly { readonly index: number }[]): void {
    for (const { index } of workers) this.#options.eligibility.letGo(index, 'parked')
  }

  #park(used: readonly { readonly index: number }[], busy: number): void {
    this.#quietPeriods = 0
    const needed = Math.max(Math.ceil(used.length / 2), Math.ceil(busy / QUIET))
    for (const { index } of used.slice(needed)) this.#options.eligibility.hold(index, 'parked')
  }
}
