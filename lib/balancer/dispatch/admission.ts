import type { Ledger } from '../../ledger/ledger.ts'
import { loadAddon } from '../../native.ts'
import type { OverLimit } from '../options/balancer-options.ts'
import type { Eligibility } from '../workers/eligibility.ts'
import type { ServingWorkers } from '../workers/serving-workers.ts'

const UNAVAILABLE = new TextEncoder().encode(
  'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
)

export interface AdmissionParts {
  readonly ledger: Ledger
  readonly eligibility: Eligibility
  readonly serving: Pick<ServingWorkers, 'indexes'>
  readonly options: Limits
}

/** Infinity means that there is no limit. */
interface Limits {
  readonly maxConnections: number
  readonly maxConnectionsPerWorker: number
  readonly overLimit: OverLimit
}

export function hasLimits({ maxConnections, maxConnectionsPerWorker }: Limits): boolean {
  return Math.min(maxConnections, maxConnectionsPerWorker) < Number.POSITIVE_INFINITY
}

/**
 * Limits the number of connections that are open or on their way to a worker, in total and at each
 * worker.
 *
 * A worker at its limit is held, as long as another worker is not. The device chooses the worker,
 * so the number of connections that are sent at a time is bounded by the fullest of the workers
 * that are not held. So no worker exceeds its limit, whichever one the device chooses.
 *
 * Main thread. Nothing tells the main thread that a connection has closed, so the dealer asks again
 * every 1 to 16 ms while accepting waits.
 */
export class Admission {
  readonly #parts: AdmissionParts
  #lifted = false

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  /** Whether connections beyond a limit are closed rather than kept waiting. */
  get sheds(): boolean {
    return this.#parts.options.overLimit !== 'wait'
  }

  /**
   * Removes the limits: from here on all accepted connections are served, because no more will
   * come.
   */
  lift(): void {
    this.#lifted = true
  }

  /**
   * The number of connections that may be sent now. `waiting`: the number that is accepted and not
   * yet sent.
   */
  allowed(waiting: number): number {
    if (this.#lifted) return Number.POSITIVE_INFINITY
    const { ledger, options } = this.#parts
    const { maxConnections, maxConnectionsPerWorker } = options
    const { active, inFlight } = ledger.counters.all()
    const underway = inFlight - waiting
    const total = maxConnections - active - underway
    if (maxConnectionsPerWorker === Number.POSITIVE_INFINITY) return total
    return Math.min(total, this.#allowedAtFullest() - underway)
  }

  /** Closes a connection beyond a limit, as `overLimit` says. */
  end(fd: number): void {
    if (this.#parts.options.overLimit === '503') loadAddon().replyAndCloseFd(fd, UNAVAILABLE)
    else loadAddon().resetFd(fd)
  }

  /**
   * Holds all workers that are full, except one if there is no other.
   * @returns how many more connections the fullest eligible worker may have
   */
  #allowedAtFullest(): number {
    const { ledger, eligibility, serving, options } = this.#parts
    const workers = serving.indexes.map((worker) => ({
      worker,
      left: options.maxConnectionsPerWorker - ledger.counters.ofWorker(worker).active,
    }))
    for (const { worker, left } of workers) if (left > 0) eligibility.letGo(worker, 'full')
    for (const { worker, left } of workers) {
      const others = workers.some((other) => other.worker !== worker && eligibility.isEligible(other.worker))
      if (left <= 0 && others) eligibility.hold(worker, 'full')
    }
    const allowed = workers.flatMap(({ worker, left }) => (eligibility.isEligible(worker) ? [left] : []))
    return Math.min(...allowed)
  }
}
