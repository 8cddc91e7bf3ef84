/** The law: accepted = adopted + refused + shed + inFlight, adopted = active + closed. */
export interface LedgerCounts extends WorkerCounts {
  readonly accepted: number
  /** Closed at once, for want of descriptors or by policy. */
  readonly shed: number
  /**
   * Closed without having been adopted: nobody listened any more, or other code closed the fd.
   */
  readonly refused: number
  /** Accepted and not yet adopted. */
  readonly inFlight: number
  readonly workers: readonly WorkerCounts[]
}

export interface WorkerCounts {
  /** Connections that the worker took. */
  readonly adopted: number
  readonly closed: number
  /** adopted - closed */
  readonly active: number
  /**
   * Moves that named a connection which was not there, or not the mover's. These are not
   * connections, and not part of the law.
   */
  readonly stale: number
}

/** Counts of the connections that were sent to a worker's own queue, since the start. */
export interface DirectCounts {
  readonly opened: number
  readonly closed: number
  /** The worker did not get these: nothing listened, or they were gone. */
  readonly dropped: number
}
