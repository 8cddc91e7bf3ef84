import type { Ledger } from '../../ledger/ledger.ts'
import type { Events } from '../events.ts'
import type { Cuts } from '../stats/cuts.ts'
import { Drain, type Drained } from './drain.ts'

/** The drains under way: of single workers, and of all. Main thread. */
export class Drains {
  readonly #ledger: Ledger
  readonly #cuts: Cuts
  readonly #events: Events
  readonly #underWay = new Set<Drain>()

  constructor(ledger: Ledger, cuts: Cuts, events: Events) {
    this.#ledger = ledger
    this.#cuts = cuts
    this.#events = events
  }

  /** `timeout`: milliseconds until what is left is cut. */
  create(drained: Drained, signal: NodeJS.Signals, timeout: number): Drain {
    return new Drain({ drained, signal, timeout, ledger: this.#ledger, cuts: this.#cuts, events: this.#events })
  }

  /** @returns as `Drain.run` */
  async run(drain: Drain, ready?: () => boolean): Promise<number> {
    this.#underWay.add(drain)
    try {
      return await drain.run(ready)
    } finally {
      this.#underWay.delete(drain)
    }
  }

  /** The worker has closed its servers. */
  closing(worker: number): void {
    for (const drain of this.#underWay) drain.closing(worker)
  }

  /** Moves the deadlines of all, earlier only. */
  hurry(timeout: number): void {
    for (const drain of this.#underWay) drain.hurry(timeout)
  }
}
