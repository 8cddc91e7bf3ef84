import type { Ledger } from '../../ledger/ledger.ts'
import type { ListenerTable } from '../listeners/table.ts'
import type { Eligibility, EligibilityObserver } from '../workers/eligibility.ts'
import type { ServingWorkers } from '../workers/serving-workers.ts'
import type { StallDetector } from '../workers/stall-detector.ts'
import type { Workers } from '../workers/workers.ts'
import { Rest } from './accept-switch.ts'

export interface AcceptingParts {
  readonly ledger: Ledger
  readonly table: ListenerTable
  readonly eligibility: Eligibility
  readonly workers: Workers
  readonly serving: ServingWorkers
  /** null: stalled workers are not looked for. */
  readonly stalls: StallDetector | null
}

/** Hands accepting over to the workers, and takes it back. Main thread. */
export class Accepting implements EligibilityObserver {
  readonly #parts: AcceptingParts
  readonly #rest: Rest

  constructor(parts: AcceptingParts) {
    const { ledger, table, stalls } = parts
    this.#parts = parts
    this.#rest = new Rest({
      backlogs: () => table.lookAtBacklogs(),
      ledger,
      onRest: (resting) => this.#onRest(resting),
      onLook: () => stalls?.check(),
    })
  }

  /** Main has accepted connections of the listener, and all of them are dealt. */
  dealt(listener: number): void {
    if (this.#parts.table.hasRelief(listener)) this.#rest.dealt()
  }

  /** Nobody accepts while credits are out. */
  setBlocked(blocked: boolean): void {
    if (blocked) this.#rest.end()
    this.#parts.table.setBlocked(blocked)
  }

  /** Main accepts again, if the workers do or are about to. */
  end(): void {
    this.#rest.end()
  }

  /** Main accepts, for good. */
  close(): void {
    this.#rest.close()
  }

  eligibilityChanged(worker: number, eligible: boolean): void {
    const { shift } = this.#parts.ledger
    shift.setHeld(worker, !eligible)
    if (eligible && shift.isResting) this.#relieve(worker)
  }

  #onRest(resting: boolean): void {
    const { table, eligibility, serving, stalls } = this.#parts
    table.setResting(resting)
    if (!resting) {
      stalls?.arm()
      return
    }
    for (const index of serving.indexes) if (eligibility.isEligible(index)) this.#relieve(index)
  }

  #relieve(worker: number): void {
    this.#parts.workers.post(worker, { type: 'relieve' })
  }
}
