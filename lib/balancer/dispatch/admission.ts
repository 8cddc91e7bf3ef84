import type { Ledger } from '../../ledger/ledger.ts'
import { loadAddon } from '../../native.ts'
import type { Eligibility } from '../workers/eligibility.ts'

/**
 * What becomes of a connection beyond a limit:
 * - wait: accepting stops, and the kernel's backlog holds it
 * - reset: it is accepted and reset
 * - 503: it is accepted, answered by a bare HTTP/1.1 503, and closed; for listeners that serve HTTP
 *   without TLS
 */
export type OverLimit = 'wait' | 'reset' | '503'

export const overLimitNames: readonly OverLimit[] = ['wait', 'reset', '503']

const UNAVAILABLE = new TextEncoder().encode(
  'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
)

export interface AdmissionOptions {
  readonly ledger: Ledger
  readonly eligibility: Eligibility
  /** The workers that have a server. */
  readonly serving: () => readonly number[]
  readonly maxConnections: number
  readonly maxConnectionsPerWorker: number
  readonly overLimit: OverLimit
}

/**
 * Bounds how many connections are open or on their way to a worker, in total and at each worker.
 *
 * A worker at its limit is held, as long as another is not. Since the device chooses the worker, no
 * more are sent at a time than the fullest of the others has room for: so no worker gets more than
 * its limit, whichever is chosen.
 *
 * Main thread. Nobody tells it that a connection has closed: while accepting waits, the dealer asks
 * again, each 1 to 16 ms.
 */
export class Admission {
  readonly #options: AdmissionOptions
  #lifted = false

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  get sheds(): boolean {
    return this.#options.overLimit !== 'wait'
  }

  /** What was accepted is served from here on, however much it is: no more will come. */
  lift(): void {
    this.#lifted = true
  }

  /** How many more may be sent now. `waiting`: accepted, and not sent yet. */
  room(waiting: number): number {
    if (this.#lifted) return Number.POSITIVE_INFINITY
    const { ledger, maxConnections, maxConnectionsPerWorker } = this.#options
    const { active, inFlight } = ledger.counters.all()
    const underway = inFlight - waiting
    const total = maxConnections - active - underway
    if (maxConnectionsPerWorker === Number.POSITIVE_INFINITY) return total
    return Math.min(total, this.#roomAtFullest() - underway)
  }

  /** Ends a connection that nobody has, as the options say. */
  end(fd: number): void {
    if (this.#options.overLimit === '503') loadAddon().replyAndCloseFd(fd, UNAVAILABLE)
    else loadAddon().resetFd(fd)
  }

  /**
   * @returns the room of the eligible worker that has least; all that are full are held, but one if
   *   there is no other.
   */
  #roomAtFullest(): number {
    const { ledger, eligibility, serving, maxConnectionsPerWorker } = this.#options
    const workers = serving().map((worker) => ({
      worker,
      room: maxConnectionsPerWorker - ledger.counters.ofWorker(worker).active,
    }))
    for (const { worker, room } of workers) if (room > 0) eligibility.letGo(worker, 'full')
    for (const { worker, room } of workers) {
      const others = workers.some((other) => other.worker !== worker && eligibility.isEligible(other.worker))
      if (room <= 0 && others) eligibility.hold(worker, 'full')
    }
    const rooms = workers.flatMap(({ worker, room }) => (eligibility.isEligible(worker) ? [room] : []))
    return Math.min(...rooms)
  }
}
