import { NodeDlbError } from '../errors.ts'
import type { AcceptMode } from './accept-mode.ts'
import type { LedgerCounters } from './counters.ts'
import {
  ADOPTED,
  ADOPTING,
  entry,
  FREE,
  IN_DEVICE,
  isOfStamp,
  type LedgerEntries,
  MAX_LEDGER_WORKERS,
  NO_STAMP,
  ownerOf,
  stateOf,
  WAITING,
} from './entries.ts'
import { createMemory, partsOf } from './layout.ts'

export { NO_STAMP } from './entries.ts'

/** The target of an event that was not sent to a worker's own queue. */
export const ANY_WORKER = 255
const MAX_CAPACITY = 1 << 22

/** An accepted connection. */
export interface Connection {
  readonly listener: number
  readonly fd: number
  /** Names the connection in the ledger, and is its accept time in µs. */
  readonly stamp: number
}

/**
 * The ledger says who owns each accepted descriptor: one word of shared memory for each fd number,
 * which is moved by compare-and-swap.
 *
 *     bit 31 ──────────── 10 9 ──── 3 2 ── 0   free ──accept──► waiting ──toDevice──► in device
 *          generation        owner    state     ▲               │   ▲◄──fromDevice──┘   │ adopt
 *          (of the stamp)    (worker)           ├◄───refuse─────┘                       ▼
 *                                               └◄──closed── adopted ◄──opened──── adopting
 *
 * The kernel gives a closed fd's number to the next connection, so a number alone does not identify
 * a connection: an event that is late, delivered twice, or made up could name a stranger's.
 * Therefore each connection has a *stamp*, the accept time in µs, which the event carries beside
 * the fd. Its low 22 bits are the entry's generation; `accept` makes it differ from the generation
 * of the fd's previous connection, and every move names the stamp. A move succeeds only for exactly
 * this connection; otherwise it changes nothing, counts as stale, and returns false, which tells
 * the mover not to touch the fd.
 *
 * A worker that accepts instead of main enters its pending connections as already in the device
 * (`enterPending`); a worker that accepts for itself enters them as its own (`adoptPending`).
 *
 * Any thread makes its own Ledger over the same memory. Each move says whose it is: main's, or that
 * of the worker whose index it takes.
 *
 * Invariant: only an entry's owner moves it (a worker, main, or the thread that receives the event
 * from the device), so that a swap that fails need not be tried again.
 *
 * LedgerRecovery has what main reads and moves when a thread or the device has ended.
 */
export class Ledger {
  /** For the other threads' `new Ledger(buffer)`. */
  readonly buffer: SharedArrayBuffer
  readonly workers: number
  readonly counters: LedgerCounters
  /** The accept mode, and what each worker has pending. */
  readonly acceptMode: AcceptMode
  readonly entries: LedgerEntries
  /** Only main uses this. By fd: the worker whose own queue it was sent to, or ANY_WORKER. */
  #targets: Uint8Array | null = null

  /**
   * @param options `fdLimit`: a number above every fd (native `fdLimit()`). Memory is used only up
   *   to the highest fd that occurs. `workers`: 1 to MAX_LEDGER_WORKERS.
   * @throws ERR_DLB_INVALID_ARGUMENT
   */
  static create(options: { fdLimit: number; workers: number }): Ledger {
    const { fdLimit, workers } = options
    if (!(fdLimit >= 1)) {
      throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `fdLimit must be at least 1, not ${fdLimit}`)
    }
    if (!Number.isInteger(workers) || workers < 1 || workers > MAX_LEDGER_WORKERS) {
      throw new NodeDlbError(
        'ERR_DLB_INVALID_ARGUMENT',
        `workers must be from 1 to ${MAX_LEDGER_WORKERS}, not ${workers}`,
      )
    }
    return new Ledger(createMemory(Math.min(Math.floor(fdLimit), MAX_CAPACITY), workers))
  }

  constructor(buffer: SharedArrayBuffer) {
    const { workers, counters, acceptMode, entries } = partsOf(buffer)
    this.buffer = buffer
    this.workers = workers
    this.counters = counters
    this.acceptMode = acceptMode
    this.entries = entries
  }

  /**
   * Main: enters a connection that was accepted at `time` (µs, any number: it wraps).
   * @returns its stamp, an int32 within a few µs of `time`; or NO_STAMP if the fd is beyond the
   *   table: then the connection is counted as shed, and the caller closes it
   */
  accept(fd: number, time: number, listener: number): number {
    if (!this.entries.has(fd)) {
      this.counters.countShed(1)
      return NO_STAMP
    }
    this.counters.countAccepted()
    this.entries.setListener(fd, listener)
    const stamp = this.entries.take(fd, time, WAITING, 0)
    this.#endPrevious(this.entries.replaced)
    return stamp
  }

  /**
   * Worker: enters a pending connection that it accepted for itself, and adopts it at once. Returns
   * what `accept` returns; if that is NO_STAMP, the caller closes the fd.
   *
   * The owner of the entry's previous connection has closed that connection. Only a worker that has
   * died can have done so without recording it: main will find that this worker has fewer entries
   * than its counters say, and corrects the counters.
   */
  adoptPending(worker: number, fd: number, time: number): number {
    const stamp = this.#acceptAt(worker, fd, time, ADOPTING, worker)
    if (stamp !== NO_STAMP) this.counters.countAdopted(worker)
    return stamp
  }

  /**
   * Worker: enters a pending connection that it accepted instead of main, and that it sends to the
   * device next. If the device does not take the connection, it is main's. Returns what `accept`
   * returns.
   */
  enterPending(worker: number, fd: number, time: number, listener: number): number {
    if (this.entries.has(fd)) this.entries.setListener(fd, listener)
    return this.#acceptAt(worker, fd, time, IN_DEVICE, 0)
  }

  #acceptAt(worker: number, fd: number, time: number, state: number, owner: number): number {
    if (!this.entries.has(fd)) {
      this.counters.countShedAt(worker, 1)
      return NO_STAMP
    }
    this.counters.countAcceptedAt(worker)
    const stamp = this.entries.take(fd, time, state, owner)
    const replaced = stateOf(this.entries.replaced)
    if (replaced === WAITING || replaced === IN_DEVICE) this.counters.countRefusedAt(worker)
    return stamp
  }

  /**
   * Main: called just before the event is sent; `fromDevice` undoes it if the device does not take
   * the event. `worker`: the worker whose own queue the event is sent to; ANY_WORKER if the device
   * chooses.
   */
  toDevice(fd: number, stamp: number, worker = ANY_WORKER): boolean {
    this.#targets ??= new Uint8Array(this.entries.capacity)
    this.#targets[fd] = worker
    return this.#mainMoves(fd, entry(WAITING, 0, stamp), entry(IN_DEVICE, 0, stamp))
  }

  /** Main: whether the last `toDevice` of the fd was for this worker's own queue. */
  wasSentTo(worker: number, fd: number): boolean {
    return this.#targets?.[fd] === worker
  }

  /**
   * Main: makes the connection main's again, because the device did not take the event, or it was
   * given back.
   */
  fromDevice(fd: number, stamp: number): boolean {
    return this.#mainMoves(fd, entry(IN_DEVICE, 0, stamp), entry(WAITING, 0, stamp))
  }

  /**
   * Main: does what `fromDevice` does, for an event that was recovered from a worker's port. The
   * connection may have been adopted long ago, which is no fault and does not count as stale.
   */
  recovered(fd: number, stamp: number): boolean {
    return this.entries.move(fd, entry(IN_DEVICE, 0, stamp), entry(WAITING, 0, stamp))
  }

  /** Main: called just before it closes a waiting connection that nobody will take. */
  refuse(fd: number, stamp: number): boolean {
    if (!this.#mainMoves(fd, entry(WAITING, 0, stamp), entry(FREE, 0, stamp))) return false
    this.counters.countRefused()
    return true
  }

  /**
   * Main: called just before it closes a waiting connection because of a limit or a full device.
   */
  shedWaiting(fd: number, stamp: number): boolean {
    if (!this.#mainMoves(fd, entry(WAITING, 0, stamp), entry(FREE, 0, stamp))) return false
    this.counters.countWaitingShed()
    return true
  }

  /**
   * Worker: takes the connection of an event.
   * @returns false if the event is stale: then the worker must not touch the fd
   */
  adopt(fd: number, stamp: number, worker: number): boolean {
    if (!this.#workerMoves(worker, fd, entry(IN_DEVICE, 0, stamp), entry(ADOPTING, worker, stamp))) return false
    this.counters.countAdopted(worker)
    return true
  }

  /** Worker: called when a handle has the fd, so that Node closes it if the worker dies. */
  opened(fd: number, stamp: number, worker: number): boolean {
    return this.#workerMoves(worker, fd, entry(ADOPTING, worker, stamp), entry(ADOPTED, worker, stamp))
  }

  /**
   * Worker: called just *before* it closes the fd; afterwards the kernel may have given the number
   * to another connection. A second call, or one for a connection that `accept` has already counted
   * as closed, is stale and does nothing.
   */
  closed(fd: number, stamp: number, worker: number): boolean {
    const free = entry(FREE, 0, stamp)
    const moved =
      this.entries.move(fd, entry(ADOPTED, worker, stamp), free) ||
      this.#workerMoves(worker, fd, entry(ADOPTING, worker, stamp), free)
    if (moved) this.counters.countClosed(worker)
    return moved
  }

  /**
   * Whether this connection, rather than a later one with the same number, still exists: it waits,
   * is in the device, or is open in a worker.
   */
  isOpen(fd: number, stamp: number): boolean {
    if (!this.entries.has(fd)) return false
    const word = this.entries.load(fd)
    return stateOf(word) !== FREE && isOfStamp(word, stamp)
  }

  /** Main: whether every accepted connection is adopted or closed. */
  get nothingWaits(): boolean {
    if (this.counters.inFlight !== 0) return false
    for (let worker = 0; worker < this.workers; worker++)
      if (this.acceptMode.pendingOf(worker).some(Boolean)) return false
    return true
  }

  /**
   * Counts the end of the entry's previous connection. The kernel gave main the number again, so
   * that connection is closed, and nobody recorded the close.
   */
  #endPrevious(word: number): void {
    const state = stateOf(word)
    // The worker has ended and Node has closed the connection, but main does not know yet that the
    // thread has ended.
    if (state >= ADOPTING) this.counters.countClosedFor(ownerOf(word), 1)
    // Some code closed an fd that was not its own. The event that still travels will be found
    // stale.
    else if (state !== FREE) this.counters.countRefused()
  }

  #mainMoves(fd: number, from: number, to: number): boolean {
    if (this.entries.move(fd, from, to)) return true
    this.counters.countStale()
    return false
  }

  #workerMoves(worker: number, fd: number, from: number, to: number): boolean {
    if (this.entries.move(fd, from, to)) return true
    this.counters.countStaleAt(worker)
    return false
  }
}

/**
 * The time for `accept`, by a clock that all threads share. The ledger and the event keep the low
 * 32 bits.
 */
export function nowInMicroseconds(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return (seconds * 1e6 + Math.trunc(nanoseconds / 1e3)) >>> 0
}
