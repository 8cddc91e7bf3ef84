/** The law: accepted = adopted + refused + shed + inFlight, adopted = active + closed. */
export interface LedgerCounts extends WorkerCounts {
  readonly accepted: number
  /** Closed at once for want of descriptors. */
  readonly shed: number
  /**
   * Closed without having been adopted: nobody listened any more, or somebody closed it behind our
   * back.
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
   * Moves that named a connection which was not there, or not the mover's. No connections: outside
   * the law.
   */
  readonly stale: number
}

/** Of the connections that were dealt to a worker itself, since the start. */
export interface DirectCounts {
  readonly opened: number
  readonly closed: number
  /** They were not to be had: nothing listened, or they were gone. */
  readonly dropped: number
}

// A row is two cache lines of its own: the acceptor's, then each worker's, then the acceptor's for
// each worker.
const ROW_BYTES = 128
const ROW = ROW_BYTES / 8
const ACCEPTED = 0
const SHED = 1
const REFUSED = 2
const ACCEPTOR_STALE = 3
const ADOPTED = 0
const CLOSED = 1
const WORKER_STALE = 2
const ACCEPTED_AT = 3
const SHED_AT = 4
const REFUSED_AT = 5
const EARLY = 6
const DIRECT_OPENED = 7
const DIRECT_CLOSED = 8
const DIRECT_DROPPED = 9
const BAD_HEADERS = 10
const HAND_SINCE = 11
const OPEN_AT = 12
const COUNTED_AT = 13
const CLOSED_BY_ACCEPTOR = 0
const directCells = { opened: DIRECT_OPENED, closed: DIRECT_CLOSED, dropped: DIRECT_DROPPED }

/**
 * What the ledger has counted, in shared memory.
 *
 * Every counter has one writing thread, so that a plain increment loses nothing. They are doubles,
 * exact up to 2^53: an aligned 64-bit store is one instruction on the 64-bit machines that Node
 * runs on. A reader may see one late.
 */
export class LedgerCounters {
  readonly #values: Float64Array
  readonly #workers: number

  static byteLength(workers: number): number {
    return (1 + 2 * workers) * ROW_BYTES
  }

  constructor(buffer: SharedArrayBuffer, byteOffset: number, workers: number) {
    this.#values = new Float64Array(buffer, byteOffset, LedgerCounters.byteLength(workers) / 8)
    this.#workers = workers
  }

  /** The acceptor's, as are the next three. */
  countAccepted(connections: number): void {
    this.#values[ACCEPTED] += connections
  }

  countShed(connections: number): void {
    this.#values[SHED] += connections
  }

  countRefused(): void {
    this.#values[REFUSED]++
  }

  countStale(): void {
    this.#values[ACCEPTOR_STALE]++
  }

  /**
   * The acceptor's: connections of the worker that are closed, and that it did not count itself.
   */
  countClosedFor(worker: number, connections: number): void {
    this.#values[this.#rowFor(worker) + CLOSED_BY_ACCEPTOR] += connections
  }

  /** The worker's, as are those that follow. */
  countAdopted(worker: number): void {
    this.#values[rowOf(worker) + ADOPTED]++
  }

  countClosed(worker: number): void {
    this.#values[rowOf(worker) + CLOSED]++
  }

  countStaleAt(worker: number): void {
    this.#values[rowOf(worker) + WORKER_STALE]++
  }

  /** It accepted the connection itself. */
  countAcceptedAt(worker: number): void {
    this.#values[rowOf(worker) + ACCEPTED_AT]++
  }

  /** It enters what it has in hand from now on. */
  beginHand(worker: number): void {
    const row = rowOf(worker)
    this.#values[row + HAND_SINCE] = this.#values[row + ACCEPTED_AT] + 1
  }

  endHand(worker: number): void {
    this.#values[rowOf(worker) + HAND_SINCE] = 0
  }

  /** It accepted them itself, and closed them. */
  countShedAt(worker: number, connections: number): void {
    this.#values[rowOf(worker) + ACCEPTED_AT] += connections
    this.#values[rowOf(worker) + SHED_AT] += connections
  }

  countRefusedAt(worker: number): void {
    this.#values[rowOf(worker) + REFUSED_AT]++
  }

  /** Of a connection that was dealt to the worker itself. */
  countDirect(worker: number, what: keyof DirectCounts): void {
    this.#values[rowOf(worker) + directCells[what]]++
  }

  /** It is complete for the device, and open. */
  countEarly(worker: number): void {
    this.#values[rowOf(worker) + EARLY]++
  }

  /**
   * Its connections that are a load for as long as they are open, and those of them that the device
   * counts. Main's, once its thread has ended.
   */
  setCounting(worker: number, open: number, counted: number): void {
    this.#values[rowOf(worker) + OPEN_AT] = open
    this.#values[rowOf(worker) + COUNTED_AT] = counted
  }

  /** Any thread's: the most that a worker has open. */
  mostOpen(): number {
    let most = 0
    for (let worker = 0; worker < this.#workers; worker++) most = Math.max(most, this.#values[rowOf(worker) + OPEN_AT])
    return most
  }

  /** Any thread's: of all workers. */
  countedByDevice(): number {
    let sum = 0
    for (let worker = 0; worker < this.#workers; worker++) sum += this.#values[rowOf(worker) + COUNTED_AT]
    return sum
  }

  /** Its PROXY header was of no use. */
  countBadHeader(worker: number): void {
    this.#values[rowOf(worker) + BAD_HEADERS]++
  }

  badHeaders(): number {
    return Array.from({ length: this.#workers }, (_, worker) => this.#values[rowOf(worker) + BAD_HEADERS]).reduce(
      (a, b) => a + b,
    )
  }

  direct(worker: number): DirectCounts {
    const row = rowOf(worker)
    return {
      opened: this.#values[row + DIRECT_OPENED],
      closed: this.#values[row + DIRECT_CLOSED],
      dropped: this.#values[row + DIRECT_DROPPED],
    }
  }

  completedEarly(worker: number): number {
    return this.#values[rowOf(worker) + EARLY]
  }

  /**
   * The acceptor's, once the worker's thread has ended, before another gets its index: so many of
   * its hand were entered, null for all. It may have counted the next one already.
   */
  repairHand(worker: number, entered: number | null): void {
    const row = rowOf(worker)
    const since = this.#values[row + HAND_SINCE]
    if (since > 0 && entered !== null) this.#values[row + ACCEPTED_AT] = since - 1 + entered
    this.endHand(worker)
  }

  /**
   * The acceptor's, once the worker's thread has ended and owned so many connections. The thread
   * may have been terminated between a swap and the increment that goes with it. The entries are
   * what counts: adopted - closed must be what it owned, and since it can have missed only the last
   * increment, the difference's sign says which that was.
   */
  repair(worker: number, owned: number): void {
    const missed = this.ofWorker(worker).active - owned
    if (missed > 0) this.#values[rowOf(worker) + CLOSED] += missed
    else this.#values[rowOf(worker) + ADOPTED] -= missed
    this.#values[rowOf(worker) + DIRECT_OPENED] = this.#values[rowOf(worker) + DIRECT_CLOSED]
  }

  ofWorker(worker: number): WorkerCounts {
    // The later stage before the earlier, so that no difference is negative while connections move.
    const closed = this.#values[rowOf(worker) + CLOSED] + this.#values[this.#rowFor(worker) + CLOSED_BY_ACCEPTOR]
    const adopted = this.#values[rowOf(worker) + ADOPTED]
    return { adopted, closed, active: adopted - closed, stale: this.#values[rowOf(worker) + WORKER_STALE] }
  }

  /** Accepted and not yet adopted. As the next, for those who look often: nothing is made. */
  inFlight(): number {
    const values = this.#values
    // In this order it is not negative.
    let later = values[REFUSED] + values[SHED]
    for (let worker = 0; worker < this.#workers; worker++) {
      const row = rowOf(worker)
      later += values[row + ADOPTED] + values[row + REFUSED_AT] + values[row + SHED_AT]
    }
    let accepted = values[ACCEPTED]
    for (let worker = 0; worker < this.#workers; worker++) accepted += values[rowOf(worker) + ACCEPTED_AT]
    return accepted - later
  }

  /** Grows whenever a connection is accepted, and when it is adopted. */
  moves(): number {
    const values = this.#values
    let sum = values[ACCEPTED]
    for (let worker = 0; worker < this.#workers; worker++) {
      sum += values[rowOf(worker) + ACCEPTED_AT] + values[rowOf(worker) + ADOPTED]
    }
    return sum
  }

  /** Connections that workers took, ever. */
  adopted(): number {
    let sum = 0
    for (let worker = 0; worker < this.#workers; worker++) sum += this.#values[rowOf(worker) + ADOPTED]
    return sum
  }

  /** Those of them that are open. */
  active(): number {
    let closed = 0
    for (let worker = 0; worker < this.#workers; worker++) {
      closed += this.#values[rowOf(worker) + CLOSED] + this.#values[this.#rowFor(worker) + CLOSED_BY_ACCEPTOR]
    }
    // In this order it is not negative.
    return this.adopted() - closed
  }

  all(): LedgerCounts {
    const workers = Array.from({ length: this.#workers }, (_, worker) => this.ofWorker(worker))
    const sum = (field: keyof WorkerCounts) => workers.reduce((total, counts) => total + counts[field], 0)
    const plus = (total: number, cell: number) =>
      workers.reduce((sum, _, worker) => sum + this.#values[rowOf(worker) + cell], total)
    const adopted = sum('adopted')
    const refused = plus(this.#values[REFUSED], REFUSED_AT)
    const shed = plus(this.#values[SHED], SHED_AT)
    const accepted = plus(this.#values[ACCEPTED], ACCEPTED_AT)
    return {
      accepted,
      adopted,
      refused,
      shed,
      inFlight: accepted - adopted - refused - shed,
      active: sum('active'),
      closed: sum('closed'),
      stale: sum('stale') + this.#values[ACCEPTOR_STALE],
      workers,
    }
  }

  #rowFor(worker: number): number {
    return (1 + this.#workers + worker) * ROW
  }
}

function rowOf(worker: number): number {
  return (1 + worker) * ROW
}
