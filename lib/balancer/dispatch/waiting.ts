import type { Connection } from '../../ledger/ledger.ts'

/** The connections that wait at a worker, by how they came there. */
export interface Waiting {
  /** The device chose the worker for these. */
  readonly balanced: readonly Connection[]
  /** A policy chose the worker for these. There may be more in the worker's directed queue. */
  readonly directed: readonly Connection[]
}

export const NOTHING_WAITING: Waiting = { balanced: [], directed: [] }
