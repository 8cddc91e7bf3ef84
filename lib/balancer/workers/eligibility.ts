/**
 * Why a worker gets no new connections now.
 * - stalled: its event loop is blocked
 * - draining: it finishes the connections that it has, and ends
 * - parked: the load is light, and other workers serve it
 * - full: it has as many connections as `maxConnectionsPerWorker` allows
 * - overloaded: its app says so, or its event loop is late
 */
export type HoldReason = 'stalled' | 'draining' | 'parked' | 'full' | 'overloaded'

/** Learns when a worker gets its first reason, and when it loses its last one. */
export interface EligibilityObserver {
  eligibilityChanged(worker: number, eligible: boolean): void
}

/**
 * Which workers may be dealt connections: those that no reason holds. Several reasons can hold a
 * worker at a time. When all workers that listen on an address are held, its connections wait, and
 * accepting pauses there.
 *
 * Main thread.
 */
export class Eligibility {
  readonly #holds: readonly Set<HoldReason>[]
  readonly #observers: EligibilityObserver[] = []

  constructor(workers: number) {
    this.#holds = Array.from({ length: workers }, () => new Set())
  }

  /** Observers are told in the order in which they were added. */
  observe(observer: EligibilityObserver): void {
    this.#observers.push(observer)
  }

  isEligible(worker: number): boolean {
    return this.#holds[worker].size === 0
  }

  isHeld(worker: number, reason: HoldReason): boolean {
    return this.#holds[worker].has(reason)
  }

  /** The reasons, the oldest first. */
  reasons(worker: number): HoldReason[] {
    return [...this.#holds[worker]]
  }

  hold(worker: number, reason: HoldReason): void {
    const holds = this.#holds[worker]
    const was = holds.size
    holds.add(reason)
    if (was === 0) this.#tell(worker, false)
  }

  letGo(worker: number, reason: HoldReason): void {
    const holds = this.#holds[worker]
    if (holds.delete(reason) && holds.size === 0) this.#tell(worker, true)
  }

  /** Forgets all reasons, because they end with the worker's thread. */
  forget(worker: number): void {
    const holds = this.#holds[worker]
    if (holds.size === 0) return
    holds.clear()
    this.#tell(worker, true)
  }

  #tell(worker: number, eligible: boolean): void {
    for (const observer of this.#observers) observer.eligibilityChanged(worker, eligible)
  }
}
