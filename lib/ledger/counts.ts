/** Invariant: accepted = adopted + refused + shed + inFlight, and adopted = active + closed. */
export interface LedgerCounts extends WorkerCounts {
  readonly accepted: number
  /** Closed at once: no descriptors were left, a limit was reached, or the device was full. */
  readonly shed: number
  /**
   * Closed without having been adopted: no worker listened any more, or other code closed the fd.
   */
  readonly refused: number
  /** Accepted and not yet adopted. */
  readonly inFlight: number
  readonly workers: readonly WorkerCounts[]
}

export interface WorkerCounts {
  /** Connections that the worker has adopted. */
  readonly adopted: number
  readonly closed: number
  /** adopted - closed */
  readonly active: number
  /**
   * Moves that named a connection which was gone, or which was not the mover's. They are not
   * connections, and not part of the invariant.
   */
  readonly stale: number
}

/** Counts of the connections that were sent to a worker's own queue, since the start. */
export interface DirectedCounts {
  readonly opened: number
  readonly closed: number
  /** Connections that the worker did not get: it had no server for them, or they were gone. */
  readonly dropped: number
}
