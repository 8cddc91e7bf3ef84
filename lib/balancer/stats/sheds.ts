/**
 * Why connections were shed:
 * - descriptors: the process had none left
 * - device-full: the device took nothing in `maxRetries` retries
 * - limit: `maxConnections` or `maxConnectionsPerWorker` was reached, and `overLimit` is not `wait`
 */
export type ShedReason = 'descriptors' | 'device-full' | 'limit'

export interface Shed {
  readonly reason: ShedReason
  /** The number of connections since the last report. */
  readonly connections: number
}

const PERIOD_MS = 60_000

/**
 * Counts connections that were shed, and reports them by reason: the first at once, later ones once
 * a minute. Main thread.
 */
export class Sheds {
  readonly #report: (shed: Shed) => void
  /** The connections that are not reported yet. */
  readonly #counts = new Map<ShedReason, number>()
  /** The timers by reason. A reason has one while its last report is less than a minute old. */
  readonly #timers = new Map<ShedReason, NodeJS.Timeout>()

  constructor(report: (shed: Shed) => void) {
    this.#report = report
  }

  count(reason: ShedReason, connections: number): void {
    if (connections === 0) return
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + connections)
    if (!this.#timers.has(reason)) this.#reportNow(reason)
  }

  /** Reports what has not been reported yet. */
  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    for (const [reason, connections] of this.#counts) if (connections > 0) this.#report({ reason, connections })
    this.#counts.clear()
  }

  #reportNow(reason: ShedReason): void {
    const connections = this.#counts.get(reason) ?? 0
    this.#timers.delete(reason)
    if (connections === 0) return
    this.#counts.set(reason, 0)
    this.#timers.set(reason, setTimeout(() => this.#reportNow(reason), PERIOD_MS).unref())
    this.#report({ reason, connections })
  }
}
