/**
 * Why connections were closed at once:
 * - descriptors: the process had none left
 * - device-full: the device took nothing, `maxRetries` times
 * - limit: there were as many as `maxConnections` or `maxConnectionsPerWorker` allow, and
 *   `overLimit` is not to wait
 */
export type ShedReason = 'descriptors' | 'device-full' | 'limit'

export interface Shed {
  readonly reason: ShedReason
  /** Since it was told the last time. */
  readonly connections: number
}

const REST_MS = 60_000

/**
 * Tells of connections that were shed: of the first at once, and then once a minute of those that
 * came since. Main thread.
 */
export class Sheds {
  readonly #tell: (shed: Shed) => void
  /** Not told yet. While a reason has a timer, it was told less than a minute ago. */
  readonly #counts = new Map<ShedReason, number>()
  readonly #timers = new Map<ShedReason, NodeJS.Timeout>()

  constructor(tell: (shed: Shed) => void) {
    this.#tell = tell
  }

  count(reason: ShedReason, connections: number): void {
    if (connections === 0) return
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + connections)
    if (!this.#timers.has(reason)) this.#report(reason)
  }

  /** Tells the rest. */
  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    for (const [reason, connections] of this.#counts) if (connections > 0) this.#tell({ reason, connections })
    this.#counts.clear()
  }

  #report(reason: ShedReason): void {
    const connections = this.#counts.get(reason) ?? 0
    this.#timers.delete(reason)
    if (connections === 0) return
    this.#counts.set(reason, 0)
    this.#timers.set(reason, setTimeout(() => this.#report(reason), REST_MS).unref())
    this.#tell({ reason, connections })
  }
}
