import type { LedgerCounts } from '../../lib/ledger/counts.ts'
import { ADOPTED, ADOPTING, IN_DEVICE, ownerOf, stateOf, WAITING } from '../../lib/ledger/entries.ts'
import type { Ledger } from '../../lib/ledger/ledger.ts'

/** How many entries are in which state. */
export interface LedgerTable {
  readonly waiting: number
  readonly inDevice: number
  readonly adopting: number
  readonly adopted: number
  /** Adopting and adopted entries by worker. */
  readonly owned: readonly number[]
}

/** Reads every entry up to the highest that was ever used. */
export function scan({ entries, workers }: Ledger): LedgerTable {
  const states = [0, 0, 0, 0, 0]
  const owned = new Array<number>(workers).fill(0)
  for (let fd = 0; fd < entries.end; fd++) {
    const word = entries.load(fd)
    const state = stateOf(word)
    states[state]++
    if (state >= ADOPTING) owned[ownerOf(word)]++
  }
  return {
    waiting: states[WAITING],
    inDevice: states[IN_DEVICE],
    adopting: states[ADOPTING],
    adopted: states[ADOPTED],
    owned,
  }
}

/** Whether the counters agree with the entries, which they do while no connection moves. */
export function check(ledger: Ledger): { balanced: boolean; counts: LedgerCounts; table: LedgerTable } {
  const counts = ledger.counters.all()
  const table = scan(ledger)
  const balanced =
    counts.inFlight === table.waiting + table.inDevice &&
    counts.workers.every(({ active }, worker) => active === table.owned[worker])
  return { balanced, counts, table }
}
