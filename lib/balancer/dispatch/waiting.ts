import type { Connection } from '../../ledger/ledger.ts'

/** What waits at a worker, by how it came there. */
export interface Waiting {
  /** The device chose the worker. */
  readonly balanced: readonly Connection[]
  /** The policy did. There may be more in the worker's directed queue. */
  readonly directed: readonly Connection[]
}

export const NOTHING_WAITING: Waiting = { balanced: [], directed: [] }
