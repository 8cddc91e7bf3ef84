import type { Ledger } from '../ledger/ledger.ts'
import { loadAddon } from '../native.ts'

/**
 * Makes the addon close the connections that nobody has adopted, if this thread ends before the
 * balancer is closed. Main thread.
 */
export class LedgerGuard {
  readonly #ledger: Ledger
  #guard: number | null = null

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  begin(): void {
    const { words, stride, length } = this.#ledger.acceptMode.allPending
    this.#guard = loadAddon().guardLedger(this.#ledger.entries.words, words, stride, length)
  }

  /** Does nothing before `begin`. */
  release(): void {
    if (this.#guard !== null) loadAddon().releaseLedger(this.#guard)
    this.#guard = null
  }
}
