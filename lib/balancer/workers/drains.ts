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

  /** @param timeout milliseconds until the connections that are left are cut */
  create(drained: Drained, signal: NodeJS.Signals, timeout: number): Drain {
    return new Drain({ drained, signal, timeout, ledger: this.#ledger, cuts: this.#cuts, events: this.#events })
  }

  /** @returns the number of connections that were cut */
  async run(drain: Drain, ready?: () => boolean): Promise<number> {
    this.#underWay.add(drain)
    try {
      return await drain.run(ready)
    } finally {
      this.#underWay.delete(drain)
    }
  }

  /** Called when the worker has closed its servers. */
  closing(worker: number): void {
    for (const drain of this.#underWay) drain.closing(worker)
  }

  /** Moves the deadlines of all drains to `timeout` ms from now where that is earlier. */
  hurry(timeout: number): void {
    for (const drain of this.#underWay) drain.hurry(timeout)
  }
}
