/**
 * Why a worker gets no new connections just now.
 * - stalled: its event loop is blocked
 * - draining: it finishes what it has, and ends
 * - parked: the load is light, and others serve it
 * - full: it has as many connections as it may
 * - overloaded: it says so, or its event loop is late
 */
export type HoldReason = 'stalled' | 'draining' | 'parked' | 'full' | 'overloaded'

/**
 * Which workers may be dealt connections: those that nothing holds. A worker is held for any number
 * of reasons at a time. When all that listen somewhere are held, its connections wait, and
 * accepting pauses.
 *
 * Main thread.
 */
export class Eligibility {
  readonly #holds: readonly Set<HoldReason>[]
  readonly #onChange: (worker: number, eligible: boolean) => void

  /** @param onChange called when a worker gets its first reason, and when it loses its last. */
  constructor(workers: number, onChange: (worker: number, eligible: boolean) => void) {
    this.#holds = Array.from({ length: workers }, () => new Set())
    this.#onChange = onChange
  }

  isEligible(worker: number): boolean {
    return this.#holds[worker].size === 0
  }

  isHeld(worker: number, reason: HoldReason): boolean {
    return this.#holds[worker].has(reason)
  }

  /** In the order in which they came up. */
  reasons(worker: number): HoldReason[] {
    return [...this.#holds[worker]]
  }

  hold(worker: number, reason: HoldReason): void {
    const holds = this.#holds[worker]
    const was = holds.size
    holds.add(reason)
    if (was === 0) this.#onChange(worker, false)
  }

  letGo(worker: number, reason: HoldReason): void {
    const holds = this.#holds[worker]
    if (holds.delete(reason) && holds.size === 0) this.#onChange(worker, true)
  }

  /** Its thread has ended: what held it was that thread's. */
  forget(worker: number): void {
    const holds = this.#holds[worker]
    if (holds.size === 0) return
    holds.clear()
    this.#onChange(worker, true)
  }
}
