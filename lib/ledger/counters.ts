import type { DirectedCounts, LedgerCounts, WorkerCounts } from './counts.ts'

// A row is two cache lines with room for 16 counters, and one thread writes it: main's row, then
// each worker's, then main's for each worker.
const ROW_BYTES = 128
const ROW = ROW_BYTES / 8

// Main's row.
const MAIN_ACCEPTED = 0
const MAIN_SHED = 1
const MAIN_REFUSED = 2
const MAIN_STALE = 3

// A worker's row.
const ADOPTED = 0
const CLOSED = 1
const STALE = 2
const ACCEPTED = 3
const SHED = 4
const REFUSED = 5
const EARLY = 6
const DIRECTED_OPENED = 7
const DIRECTED_CLOSED = 8
const DIRECTED_DROPPED = 9
const BAD_HEADERS = 10
const PENDING_SINCE = 11
const OPEN = 12
const COUNTED = 13

// Main's row for a worker.
const CLOSED_BY_MAIN = 0

const directedCells = { opened: DIRECTED_OPENED, closed: DIRECTED_CLOSED, dropped: DIRECTED_DROPPED }

/**
 * The ledger's counters, in shared memory.
 *
 * Invariant: every counter has one writing thread, so that a plain increment loses nothing.
 *
 * Counters are doubles, exact up to 2^53: an aligned 64-bit store is one instruction on the 64-bit
 * machines that Node runs on. A reader may see an increment late. While connections move, a count
 * may lag by those that are moving; the invariant of LedgerCounts holds in any case.
 *
 * Each method that writes says whose it is: main's, or that of the worker whose index it takes.
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

  /** Main. */
  countAccepted(): void {
    this.#values[MAIN_ACCEPTED]++
  }

  /**
   * Main: counts connections that were accepted and closed at once, without an entry in the table.
   */
  countShed(connections: number): void {
    this.#values[MAIN_ACCEPTED] += connections
    this.#values[MAIN_SHED] += connections
  }

  /** Main: counts a waiting connection that it closes because of a limit or a full device. */
  countWaitingShed(): void {
    this.#values[MAIN_SHED]++
  }

  /** Main. */
  countRefused(): void {
    this.#values[MAIN_REFUSED]++
  }

  /** Main. */
  countStale(): void {
    this.#values[MAIN_STALE]++
  }

  /**
   * Main: counts connections of the worker that are closed and that the worker did not count
   * itself.
   */
  countClosedFor(worker: number, connections: number): void {
    this.#values[this.#rowFor(worker) + CLOSED_BY_MAIN] += connections
  }

  /** Worker. */
  countAdopted(worker: number): void {
    this.#values[rowOf(worker) + ADOPTED]++
  }

  /** Worker. */
  countClosed(worker: number): void {
    this.#values[rowOf(worker) + CLOSED]++
  }

  /** Worker. */
  countStaleAt(worker: number): void {
    this.#values[rowOf(worker) + STALE]++
  }

  /** Worker: counts a connection that it accepted itself. */
  countAcceptedAt(worker: number): void {
    this.#values[rowOf(worker) + ACCEPTED]++
  }

  /** Worker: does what `countShed` does, for connections that it accepted itself. */
  countShedAt(worker: number, connections: number): void {
    this.#values[rowOf(worker) + ACCEPTED] += connections
    this.#values[rowOf(worker) + SHED] += connections
  }

  /**
   * Worker: counts that the fd which it accepted still had the entry of a connection that nobody
   * adopted.
   */
  countRefusedAt(worker: number): void {
    this.#values[rowOf(worker) + REFUSED]++
  }

  /** Worker: counts what became of a connection that was sent to its own queue. */
  countDirected(worker: number, what: keyof DirectedCounts): void {
    this.#values[rowOf(worker) + directedCells[what]]++
  }

  /** Worker: counts a connection that is still open and that the device was told is complete. */
  countEarly(worker: number): void {
    this.#values[rowOf(worker) + EARLY]++
  }

  /** Worker: counts a connection that it has adopted and closed because of its PROXY header. */
  countBadHeader(worker: number): void {
    this.#values[rowOf(worker) + BAD_HEADERS]++
  }

  /**
   * Worker: called before it enters its pending connections (AcceptMode) in the ledger, one after
   * the other.
   */
  beginPending(worker: number): void {
    const row = rowOf(worker)
    this.#values[row + PENDING_SINCE] = this.#values[row + ACCEPTED] + 1
  }

  /**
   * Worker: called when the pending connections have other owners, so that the pending list can be
   * emptied.
   */
  endPending(worker: number): void {
    this.#values[rowOf(worker) + PENDING_SINCE] = 0
  }

  /**
   * Worker: sets the number of its open connections that are a load until they close, and how many
   * of these are counted (InFlightLimits). Main sets both to 0 once the worker's thread has ended
   * and its port was recovered.
   */
  setLoad(worker: number, open: number, counted: number): void {
    this.#values[rowOf(worker) + OPEN] = open
    this.#values[rowOf(worker) + COUNTED] = counted
  }

  /** The greatest number of open connections of any worker, by `setLoad`. */
  get mostOpen(): number {
    let most = 0
    for (let worker = 0; worker < this.#workers; worker++) most = Math.max(most, this.#values[rowOf(worker) + OPEN])
    return most
  }

  /** The counted connections of all workers, by `setLoad`. */
  get counted(): number {
    return this.#sumOf(COUNTED)
  }

  get badHeaders(): number {
    return this.#sumOf(BAD_HEADERS)
  }

  directed(worker: number): DirectedCounts {
    const row = rowOf(worker)
    return {
      opened: this.#values[row + DIRECTED_OPENED],
      closed: this.#values[row + DIRECTED_CLOSED],
      dropped: this.#values[row + DIRECTED_DROPPED],
    }
  }

  completedEarly(worker: number): number {
    return this.#values[rowOf(worker) + EARLY]
  }

  /**
   * Main: corrects the count of accepted connections once the worker's thread has ended, and before
   * another thread gets the index. `entered`: how many pending connections had reached the ledger;
   * null if all had. The worker may have counted the next one already.
   */
  repairPending(worker: number, entered: number | null): void {
    const row = rowOf(worker)
    const since = this.#values[row + PENDING_SINCE]
    if (since > 0 && entered !== null) this.#values[row + ACCEPTED] = since - 1 + entered
    this.endPending(worker)
  }

  /**
   * Main: corrects the other counts once the worker's thread has ended. `owned`: how many
   * connections it owned by the entries. The thread may have been terminated between a swap and the
   * increment that goes with it. The entries are right: adopted - closed must be `owned`, and since
   * the thread can have missed only the last increment, the difference's sign says which one that
   * was.
   */
  repair(worker: number, owned: number): void {
    const missed = this.ofWorker(worker).active - owned
    if (missed > 0) this.#values[rowOf(worker) + CLOSED] += missed
    else this.#values[rowOf(worker) + ADOPTED] -= missed
    this.#values[rowOf(worker) + DIRECTED_OPENED] = this.#values[rowOf(worker) + DIRECTED_CLOSED]
  }

  ofWorker(worker: number): WorkerCounts {
    // The later stage is read before the earlier one, so that no difference is negative while
    // connections move.
    const closed = this.#values[rowOf(worker) + CLOSED] + this.#values[this.#rowFor(worker) + CLOSED_BY_MAIN]
    const adopted = this.#values[rowOf(worker) + ADOPTED]
    return { adopted, closed, active: adopted - closed, stale: this.#values[rowOf(worker) + STALE] }
  }

  /** Accepted and not yet adopted. This getter and the next three allocate nothing. */
  get inFlight(): number {
    const values = this.#values
    // Read in this order, the difference is not negative.
    const later =
      values[MAIN_REFUSED] + values[MAIN_SHED] + this.#sumOf(ADOPTED) + this.#sumOf(REFUSED) + this.#sumOf(SHED)
    return values[MAIN_ACCEPTED] + this.#sumOf(ACCEPTED) - later
  }

  /** Grows whenever a connection is accepted, and when one is adopted. */
  get moves(): number {
    return this.#values[MAIN_ACCEPTED] + this.#sumOf(ACCEPTED) + this.#sumOf(ADOPTED)
  }

  /** Connections that workers have adopted since the start. */
  get adopted(): number {
    return this.#sumOf(ADOPTED)
  }

  /** Adopted connections that are open. */
  get active(): number {
    let closed = 0
    for (let worker = 0; worker < this.#workers; worker++) {
      closed += this.#values[rowOf(worker) + CLOSED] + this.#values[this.#rowFor(worker) + CLOSED_BY_MAIN]
    }
    // Read in this order, the difference is not negative.
    return this.adopted - closed
  }

  /** The counts of main and all workers. Each call creates a new object. */
  all(): LedgerCounts {
    const workers = Array.from({ length: this.#workers }, (_, worker) => this.ofWorker(worker))
    const sum = (field: keyof WorkerCounts) => workers.reduce((total, counts) => total + counts[field], 0)
    const adopted = sum('adopted')
    const refused = this.#values[MAIN_REFUSED] + this.#sumOf(REFUSED)
    const shed = this.#values[MAIN_SHED] + this.#sumOf(SHED)
    const accepted = this.#values[MAIN_ACCEPTED] + this.#sumOf(ACCEPTED)
    return {
      accepted,
      adopted,
      refused,
      shed,
      inFlight: accepted - adopted - refused - shed,
      active: sum('active'),
      closed: sum('closed'),
      stale: sum('stale') + this.#values[MAIN_STALE],
      workers,
    }
  }

  /** The sum of a cell over the workers' rows. */
  #sumOf(cell: number): number {
    let sum = 0
    for (let worker = 0; worker < this.#workers; worker++) sum += this.#values[rowOf(worker) + cell]
    return sum
  }

  #rowFor(worker: number): number {
    return (1 + this.#workers + worker) * ROW
  }
}

function rowOf(worker: number): number {
  return (1 + worker) * ROW
}
