import { NodeDlbError } from '../errors.ts'

/**
 * Who owns each accepted descriptor: one word of shared memory per fd number, moved by compare-and-swap.
 *
 *     bit 31 ────────────────── 10 9 ──────── 3 2 ── 0        free ─accept─► held ─toDevice─► in device
 *          generation              owner        state           ▲             │ ▲◄─fromDevice─┘    │ adopt
 *          (stamp's low 22 bits)   (worker)                     ├◄──refuse────┘                    ▼
 *                                                               └◄──closed── adopted ◄─opened─ adopting
 *
 * The kernel gives a closed fd's number to the next connection, so a number alone says nothing: an event that is late, twice
 * delivered, or made up could name a stranger's connection. Hence the *stamp*, the accept time in µs which the event
 * carries beside the fd. Its low bits are the entry's generation, `accept` makes it differ from the fd's previous
 * one, and every move names the stamp: it succeeds for exactly the connection that was meant, once, or changes nothing, is
 * counted as stale, and leaves the fd alone.
 *
 * Thread: any; each constructs its own Ledger over the same SharedArrayBuffer. `accept`, `toDevice`, `fromDevice`, `refuse`, `shed`
 * and `takeOwnedBy` belong to the thread that accepts; `adopt`, `opened` and `closed` to the worker whose index they
 * are given. An entry's owner alone moves it, so a swap fails only for a stamp that is not the entry's.
 *
 * Counters have one writer each, so that a plain increment loses nothing. They are doubles (exact up to 2^53): an aligned
 * 64-bit store is one instruction on the 64-bit machines that Node runs on. A reader may see one late, never early.
 */
export const NO_STAMP = -1
export const MAX_WORKERS = 128
const MAX_CAPACITY = 1 << 22

const FREE = 0
const HELD = 1
const IN_DEVICE = 2
const ADOPTING = 3
const ADOPTED = 4
const STATE_MASK = 0b111
const OWNER_SHIFT = 3
const OWNER_MASK = (MAX_WORKERS - 1) << OWNER_SHIFT
const GENERATION_SHIFT = 10
const GENERATION_MASK = -1 << GENERATION_SHIFT

// Header words.
const CAPACITY = 0
const WORKERS = 1
const HIGH_WATER = 2
// A row of counters is a cache line of its own: the acceptor's; then each worker's; then the acceptor's for each worker.
const LINE = 64
const ROW = LINE / 8
const ACCEPTED = 0
const SHED = 1
const REFUSED = 2
const ACCEPTOR_STALE = 3
const WORKER_ADOPTED = 0
const WORKER_CLOSED = 1
const WORKER_STALE = 2
const CLOSED_FOR_WORKER = 0

export interface WorkerCounts {
  /** Connections that the worker took. */
  readonly adopted: number
  readonly closed: number
  /** adopted - closed */
  readonly active: number
  /** Moves that named a connection which was not this worker's to move. */
  readonly stale: number
}

/** The law: accepted = adopted + refused + shed + inFlight, adopted = active + closed. */
export interface LedgerCounts extends WorkerCounts {
  readonly accepted: number
  /** Closed at once for want of descriptors. */
  readonly shed: number
  /** Closed without having been adopted: nobody listened any more, or somebody closed it behind our back. */
  readonly refused: number
  /** Accepted and not yet adopted. */
  readonly inFlight: number
  readonly workers: readonly WorkerCounts[]
}

/** How many entries are in which state, found by reading them all. */
export interface LedgerTable {
  readonly held: number
  readonly inDevice: number
  readonly adopting: number
  readonly adopted: number
  /** Adopting and adopted entries by worker. */
  readonly owned: readonly number[]
}

export class Ledger {
  /** For the other threads' `new Ledger(buffer)`. */
  readonly buffer: SharedArrayBuffer
  /** Descriptors from here on have no entry. */
  readonly capacity: number
  readonly workers: number
  readonly #header: Int32Array
  readonly #counters: Float64Array
  readonly #words: Int32Array

  /** `fdLimit`: every fd is below it (native `fdLimit()`). Memory is used only up to the highest fd that occurs. */
  static create(options: { fdLimit: number; workers: number }): Ledger {
    const { fdLimit, workers } = options
    if (!(fdLimit >= 1)) {
      throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `fdLimit must be at least 1, not ${fdLimit}`)
    }
    if (!Number.isInteger(workers) || workers < 1 || workers > MAX_WORKERS) {
      throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `workers must be from 1 to ${MAX_WORKERS}, not ${workers}`)
    }
    const capacity = Math.min(Math.floor(fdLimit), MAX_CAPACITY)
    const buffer = new SharedArrayBuffer(tableOffset(workers) + capacity * 4)
    const header = new Int32Array(buffer)
    header[CAPACITY] = capacity
    header[WORKERS] = workers
    return new Ledger(buffer)
  }

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.#header = new Int32Array(buffer, 0, LINE / 4)
    this.capacity = this.#header[CAPACITY]
    this.workers = this.#header[WORKERS]
    this.#counters = new Float64Array(buffer, LINE, (tableOffset(this.workers) - LINE) / 8)
    this.#words = new Int32Array(buffer, tableOffset(this.workers), this.capacity)
  }

  /**
   * Acceptor: a connection was accepted at `time` (µs, any number: it wraps). @returns its stamp, an int32 within a
   * few µs of `time`; or NO_STAMP if the fd is beyond the table: it is counted as shed, and the caller closes it.
   */
  accept(fd: number, time: number): number {
    this.#counters[ACCEPTED]++
    if (fd >>> 0 >= this.capacity) {
      this.#counters[SHED]++
      return NO_STAMP
    }
    if (fd >= this.#header[HIGH_WATER]) Atomics.store(this.#header, HIGH_WATER, fd + 1)
    for (;;) {
      const previous = Atomics.load(this.#words, fd)
      let stamp = time | 0
      while (stamp === NO_STAMP || ((stamp << GENERATION_SHIFT) ^ previous) >>> GENERATION_SHIFT === 0) {
        stamp = (stamp + 1) | 0
      }
      // Fails only if the previous connection's worker closes it in this instant, which the next round sees.
      if (Atomics.compareExchange(this.#words, fd, previous, entry(HELD, 0, stamp)) === previous) {
        this.#endPrevious(previous)
        return stamp
      }
    }
  }

  /** Acceptor: just before the event is sent; undone by `fromDevice` if the device does not take it. */
  toDevice(fd: number, stamp: number): boolean {
    return this.#move(fd, entry(HELD, 0, stamp), entry(IN_DEVICE, 0, stamp)) || this.#stale(ACCEPTOR_STALE)
  }

  /** Acceptor: the event came back, not taken or recovered from a worker's port, and the connection is ours again. */
  fromDevice(fd: number, stamp: number): boolean {
    return this.#move(fd, entry(IN_DEVICE, 0, stamp), entry(HELD, 0, stamp)) || this.#stale(ACCEPTOR_STALE)
  }

  /** Acceptor: just before it closes a connection that it holds and that nobody will take. */
  refuse(fd: number, stamp: number): boolean {
    if (!this.#move(fd, entry(HELD, 0, stamp), entry(FREE, 0, stamp))) return this.#stale(ACCEPTOR_STALE)
    this.#counters[REFUSED]++
    return true
  }

  /** Acceptor: `count` connections were accepted and closed at once, without passing through the table. */
  shed(count: number): void {
    this.#counters[ACCEPTED] += count
    this.#counters[SHED] += count
  }

  /** Worker: takes the connection of an event. If false, the event is stale: the fd is not the worker's to touch. */
  adopt(fd: number, stamp: number, worker: number): boolean {
    if (!this.#move(fd, entry(IN_DEVICE, 0, stamp), entry(ADOPTING, worker, stamp))) {
      return this.#stale(workerRow(worker) + WORKER_STALE)
    }
    this.#counters[workerRow(worker) + WORKER_ADOPTED]++
    return true
  }

  /** Worker: a handle has the fd now, and Node will close it if the worker dies. */
  opened(fd: number, stamp: number, worker: number): boolean {
    return (
      this.#move(fd, entry(ADOPTING, worker, stamp), entry(ADOPTED, worker, stamp)) ||
      this.#stale(workerRow(worker) + WORKER_STALE)
    )
  }

  /**
   * Worker: just *before* it closes the fd; afterwards the kernel may have given the number to another connection. A second call,
   * or one for a connection that `accept` has counted as closed already, is stale and does nothing.
   */
  closed(fd: number, stamp: number, worker: number): boolean {
    const free = entry(FREE, 0, stamp)
    if (!this.#move(fd, entry(ADOPTED, worker, stamp), free) && !this.#move(fd, entry(ADOPTING, worker, stamp), free)) {
      return this.#stale(workerRow(worker) + WORKER_STALE)
    }
    this.#counters[workerRow(worker) + WORKER_CLOSED]++
    return true
  }

  /**
   * Acceptor, once the worker's thread has ended and before another gets its index: all that it owned is closed, by
   * Node with the thread's environment.
   *
   * The thread may have been terminated between a swap and the increment that goes with it. The entries are what
   * counts: adopted - closed must be what the worker owned, and since it can have missed only the last increment,
   * the difference's sign says which one it was. The counters' writer is gone, so they are ours to repair.
   *
   * @returns the fds that it had adopted and may not have opened a handle on: if so, nobody has closed them.
   */
  takeOwnedBy(worker: number): number[] {
    const orphans: number[] = []
    let owned = 0
    for (let fd = 0; fd < this.#header[HIGH_WATER]; fd++) {
      const word = Atomics.load(this.#words, fd)
      if ((word & STATE_MASK) < ADOPTING || ownerOf(word) !== worker) continue
      Atomics.store(this.#words, fd, word & GENERATION_MASK)
      if ((word & STATE_MASK) === ADOPTING) orphans.push(fd)
      owned++
    }
    const missing = this.workerCounts(worker).active - owned
    if (missing > 0) this.#counters[workerRow(worker) + WORKER_CLOSED] += missing
    if (missing < 0) this.#counters[workerRow(worker) + WORKER_ADOPTED] -= missing
    this.#counters[this.#acceptorRow(worker) + CLOSED_FOR_WORKER] += owned
    return orphans
  }

  /**
   * Acceptor, once all workers' threads have ended: nobody will adopt what is held or in the device, so it is all
   * refused. @returns the fds, which the caller closes.
   */
  refuseAll(): number[] {
    const fds: number[] = []
    for (let fd = 0; fd < this.#header[HIGH_WATER]; fd++) {
      const word = Atomics.load(this.#words, fd)
      const state = word & STATE_MASK
      if (state !== HELD && state !== IN_DEVICE) continue
      Atomics.store(this.#words, fd, word & GENERATION_MASK)
      fds.push(fd)
    }
    this.#counters[REFUSED] += fds.length
    return fds
  }

  /** Read while connections move, a count may lag by those that are just moving; the law holds in any case. */
  counts(): LedgerCounts {
    // Workers first, the later stage before the earlier, so that no difference is negative.
    const workers = Array.from({ length: this.workers }, (_, worker) => this.workerCounts(worker))
    const sum = (field: keyof WorkerCounts) => workers.reduce((total, counts) => total + counts[field], 0)
    const [adopted, refused, shed] = [sum('adopted'), this.#counters[REFUSED], this.#counters[SHED]]
    const accepted = this.#counters[ACCEPTED]
    return {
      accepted,
      adopted,
      refused,
      shed,
      inFlight: accepted - adopted - refused - shed,
      active: sum('active'),
      closed: sum('closed'),
      stale: sum('stale') + this.#counters[ACCEPTOR_STALE],
      workers,
    }
  }

  workerCounts(worker: number): WorkerCounts {
    const row = workerRow(worker)
    const closed = this.#counters[row + WORKER_CLOSED] + this.#counters[this.#acceptorRow(worker) + CLOSED_FOR_WORKER]
    const adopted = this.#counters[row + WORKER_ADOPTED]
    return { adopted, closed, active: adopted - closed, stale: this.#counters[row + WORKER_STALE] }
  }

  /** Reads every entry up to the highest that was ever used. */
  scan(): LedgerTable {
    const states = [0, 0, 0, 0, 0]
    const owned = new Array<number>(this.workers).fill(0)
    for (let fd = 0; fd < this.#header[HIGH_WATER]; fd++) {
      const word = Atomics.load(this.#words, fd)
      states[word & STATE_MASK]++
      if ((word & STATE_MASK) >= ADOPTING) owned[ownerOf(word)]++
    }
    return {
      held: states[HELD],
      inDevice: states[IN_DEVICE],
      adopting: states[ADOPTING],
      adopted: states[ADOPTED],
      owned,
    }
  }

  /** Whether the counters agree with the entries. Of meaning only while no connection moves. */
  check(): { balanced: boolean; counts: LedgerCounts; table: LedgerTable } {
    const counts = this.counts()
    const table = this.scan()
    const balanced =
      counts.inFlight === table.held + table.inDevice &&
      counts.workers.every(({ active }, worker) => active === table.owned[worker])
    return { balanced, counts, table }
  }

  /** The kernel gave us the number again, so whatever connection had the entry is closed, and nobody told us. */
  #endPrevious(word: number): void {
    const state = word & STATE_MASK
    // Its worker ended, and Node closed it, before we heard of that.
    if (state >= ADOPTING) this.#counters[this.#acceptorRow(ownerOf(word)) + CLOSED_FOR_WORKER]++
    // Some code closed an fd that was not its own. The event that still travels will be found stale.
    else if (state !== FREE) this.#counters[REFUSED]++
  }

  #move(fd: number, from: number, to: number): boolean {
    return fd >>> 0 < this.capacity && Atomics.compareExchange(this.#words, fd, from, to) === from
  }

  #stale(counter: number): false {
    this.#counters[counter]++
    return false
  }

  #acceptorRow(worker: number): number {
    return (1 + this.workers + worker) * ROW
  }
}

function entry(state: number, owner: number, stamp: number): number {
  return (stamp << GENERATION_SHIFT) | (owner << OWNER_SHIFT) | state
}

function ownerOf(word: number): number {
  return (word & OWNER_MASK) >> OWNER_SHIFT
}

function workerRow(worker: number): number {
  return (1 + worker) * ROW
}

function tableOffset(workers: number): number {
  return LINE + (1 + 2 * workers) * LINE
}
