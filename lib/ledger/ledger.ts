import { NodeDlbError } from '../errors.ts'
import { Shift } from './accept-mode.ts'
import { type DirectCounts, LedgerCounters, type LedgerCounts, type WorkerCounts } from './counters.ts'

export const NO_STAMP = -1
export const MAX_WORKERS = 128
/** Of an event that was sent to no worker's own queue. */
export const ANY_WORKER = 255
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

// The buffer: a header of one cache line, the counters, the shift, the entries, and where each fd
// was accepted.
const HEADER_BYTES = 64
const CAPACITY = 0
const WORKERS = 1
const HIGH_WATER = 2

/** An accepted connection, as the acceptor knows it. */
export interface Connection {
  readonly listener: number
  readonly fd: number
  /** Names the connection in the ledger, and is its accept time in µs. */
  readonly stamp: number
}

/** What a worker that has died had accepted and may not have sent. */
export interface LeftInHand {
  /** They may be in the device, too. */
  readonly connections: readonly Connection[]
  /** Nobody knows of these. */
  readonly fds: readonly number[]
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

/**
 * Who owns each accepted descriptor: one word of shared memory per fd number, moved by
 * compare-and-swap.
 *
 *     bit 31 ──────────────── 10 9 ────── 3 2 ─── 0       free ─accept─► held ──toDevice──► in device
 *          generation            owner      state          ▲              │ ▲◄─fromDevice──┘   │ adopt
 *          (stamp's low 22 bits) (worker)                  ├◄───refuse────┘                    ▼
 *                                                          └◄──closed── adopted ◄──opened── adopting
 *
 * The kernel gives a closed fd's number to the next connection, so a number alone says nothing: an
 * event that is late, delivered twice, or made up could name a stranger's connection. Hence the
 * *stamp*, the accept time in µs, which the event carries beside the fd. Its low bits are the
 * entry's generation; `accept` makes it differ from that of the fd's previous connection, and every
 * move names the stamp. A move succeeds for exactly the connection that was meant, or it changes
 * nothing, counts as stale, and says that the fd is not the mover's to touch.
 *
 * A worker that accepts in the acceptor's stead enters what it accepts as in the device already
 * (`acceptInto`).
 *
 * Thread: any; each makes its own Ledger over the same memory. `acceptFor`, `acceptInto`, `adopt`,
 * `opened` and `closed` belong to the worker whose index they take, the rest of what moves to the
 * acceptor. Only an entry's owner moves it (a worker, the acceptor, or whoever receives the event
 * from the device), so that a swap that fails need not be tried again.
 */
export class Ledger {
  /** For the other threads' `new Ledger(buffer)`. */
  readonly buffer: SharedArrayBuffer
  /** Descriptors from here on have no entry. */
  readonly capacity: number
  readonly workers: number
  /** Who accepts just now, and what workers have accepted and not sent yet. */
  readonly shift: Shift
  readonly #header: Int32Array
  readonly #counters: LedgerCounters
  readonly #words: Int32Array
  /** Where each fd was accepted: written by whoever did so, before the entry. */
  readonly #listeners: Uint16Array
  /** The acceptor's: to whom it sent each fd. */
  #targets: Uint8Array | null = null
  /** The acceptor's: what `takeOwnedBy` has found, with the entries that it left. */
  readonly #orphans = new Map<number, number>()
  #replaced = 0

  /**
   * `fdLimit`: every fd is below it (native `fdLimit()`). Memory is used only up to the highest fd
   * that occurs.
   */
  static create(options: { fdLimit: number; workers: number }): Ledger {
    const { fdLimit, workers } = options
    if (!(fdLimit >= 1)) {
      throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `fdLimit must be at least 1, not ${fdLimit}`)
    }
    if (!Number.isInteger(workers) || workers < 1 || workers > MAX_WORKERS) {
      throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `workers must be from 1 to ${MAX_WORKERS}, not ${workers}`)
    }
    const capacity = Math.min(Math.floor(fdLimit), MAX_CAPACITY)
    const buffer = new SharedArrayBuffer(entriesAt(workers) + capacity * (4 + 2))
    const header = new Int32Array(buffer, 0, HEADER_BYTES / 4)
    header[CAPACITY] = capacity
    header[WORKERS] = workers
    return new Ledger(buffer)
  }

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.#header = new Int32Array(buffer, 0, HEADER_BYTES / 4)
    this.capacity = this.#header[CAPACITY]
    this.workers = this.#header[WORKERS]
    this.#counters = new LedgerCounters(buffer, HEADER_BYTES, this.workers)
    this.shift = new Shift(buffer, shiftAt(this.workers), this.workers)
    this.#words = new Int32Array(buffer, entriesAt(this.workers), this.capacity)
    this.#listeners = new Uint16Array(buffer, entriesAt(this.workers) + this.capacity * 4, this.capacity)
  }

  /**
   * Acceptor: a connection was accepted at `time` (µs, any number: it wraps). @returns its stamp,
   * an int32 within a few µs of `time`; or NO_STAMP if the fd is beyond the table: it is counted as
   * shed, and the caller closes it.
   */
  accept(fd: number, time: number, listener: number): number {
    this.#counters.countAccepted(1)
    if (fd >>> 0 >= this.capacity) {
      this.#counters.countShed(1)
      return NO_STAMP
    }
    this.#listeners[fd] = listener
    const stamp = this.#take(fd, time, HELD, 0)
    this.#endPrevious(this.#replaced)
    return stamp
  }

  /**
   * Worker: it accepted a connection itself, and adopts it at once. @returns as `accept`.
   *
   * What the entry held before was closed by its owner. Only a worker that has died did so without
   * telling: the acceptor will find fewer entries of it than it counts, and put its counters right.
   */
  acceptFor(worker: number, fd: number, time: number): number {
    const stamp = this.#acceptAt(worker, fd, time, ADOPTING, worker)
    if (stamp !== NO_STAMP) this.#counters.countAdopted(worker)
    this.shift.emptyOwn(worker)
    return stamp
  }

  /** Worker: it has connections in hand (Shift), and enters one after the other by `acceptInto`. */
  beginHand(worker: number): void {
    this.#counters.beginHand(worker)
  }

  /** Worker: they are sent, or given to the acceptor; the hand can be emptied. */
  endHand(worker: number): void {
    this.#counters.endHand(worker)
  }

  /**
   * Worker: it accepted a connection in the acceptor's stead, and sends it to the device next. If
   * the device does not take it, it is the acceptor's. @returns as `accept`.
   */
  acceptInto(worker: number, fd: number, time: number, listener: number): number {
    if (fd >>> 0 < this.capacity) this.#listeners[fd] = listener
    return this.#acceptAt(worker, fd, time, IN_DEVICE, 0)
  }

  #acceptAt(worker: number, fd: number, time: number, state: number, owner: number): number {
    if (fd >>> 0 >= this.capacity) {
      this.#counters.countShedAt(worker, 1)
      return NO_STAMP
    }
    this.#counters.countAcceptedAt(worker)
    const stamp = this.#take(fd, time, state, owner)
    const replaced = this.#replaced & STATE_MASK
    if (replaced === HELD || replaced === IN_DEVICE) this.#counters.countRefusedAt(worker)
    return stamp
  }

  /**
   * Acceptor, once the worker's thread has ended: empties its hand. A connection in it that is in
   * the device by its entry may have been sent or not. It is the acceptor's again, who sends it
   * anew: of two events, the ledger lets one through.
   */
  takeHand(worker: number): LeftInHand {
    const hand = this.shift.handOf(worker)
    const next = hand.findIndex((place) => place < 0)
    const nextFd = next === -1 ? -1 : ~hand[next]
    const places = [...hand].filter((place) => place !== 0)
    hand.fill(0)
    const inHand = new Set(places.map((place) => (place < 0 ? ~place : place - 1)))
    // The thread may have ended between the entry and the place: then the entry is newer, and in
    // the device.
    const connections = places.length === 0 ? [] : this.#takeInDevice((fd) => inHand.has(fd))
    const taken = new Set(connections.map(({ fd }) => fd))
    this.#counters.repairHand(worker, next === -1 ? null : next + Number(taken.has(nextFd)))
    const unknown = places.flatMap((place) => (place < 0 && !taken.has(~place) ? [~place] : []))
    return { connections, fds: [...unknown, ...this.#takeOwn(worker)] }
  }

  /** What it had accepted for itself and not entered: once it has, `takeOwnedBy` knows of it. */
  #takeOwn(worker: number): number[] {
    const [place] = this.shift.ownOf(worker)
    this.shift.emptyOwn(worker)
    if (place >= 0) return []
    const word = ~place < this.capacity ? Atomics.load(this.#words, ~place) : FREE
    return (word & STATE_MASK) >= ADOPTING && ownerOf(word) === worker ? [] : [~place]
  }

  /** Worker: as `shed`, for connections that it accepted itself. */
  shedFor(worker: number, count: number): void {
    this.#counters.countShedAt(worker, count)
  }

  /**
   * Acceptor: just before the event is sent; undone by `fromDevice` if the device does not take it.
   * `worker`: whose directed queue it is sent to; ANY_WORKER if the device chooses.
   */
  toDevice(fd: number, stamp: number, worker = ANY_WORKER): boolean {
    this.#targets ??= new Uint8Array(this.capacity)
    this.#targets[fd] = worker
    return this.#acceptorMoves(fd, entry(HELD, 0, stamp), entry(IN_DEVICE, 0, stamp))
  }

  /**
   * Acceptor: the event came back, not taken or recovered from a worker's port, and the connection
   * is ours again.
   */
  fromDevice(fd: number, stamp: number): boolean {
    return this.#acceptorMoves(fd, entry(IN_DEVICE, 0, stamp), entry(HELD, 0, stamp))
  }

  /**
   * As `fromDevice`, of what was recovered from a worker's port: it may have been adopted long ago,
   * which is no fault.
   */
  recovered(fd: number, stamp: number): boolean {
    return this.#move(fd, entry(IN_DEVICE, 0, stamp), entry(HELD, 0, stamp))
  }

  /** Acceptor: just before it closes a connection that it holds and that nobody will take. */
  refuse(fd: number, stamp: number): boolean {
    if (!this.#acceptorMoves(fd, entry(HELD, 0, stamp), entry(FREE, 0, stamp))) return false
    this.#counters.countRefused()
    return true
  }

  /** Acceptor: as `refuse`, by policy. */
  shedHeld(fd: number, stamp: number): boolean {
    if (!this.#acceptorMoves(fd, entry(HELD, 0, stamp), entry(FREE, 0, stamp))) return false
    this.#counters.countShed(1)
    return true
  }

  /**
   * Acceptor: `count` connections were accepted and closed at once, without passing through the
   * table.
   */
  shed(count: number): void {
    this.#counters.countAccepted(count)
    this.#counters.countShed(count)
  }

  /**
   * Worker: takes the connection of an event. If false, the event is stale: the fd is not the
   * worker's to touch.
   */
  adopt(fd: number, stamp: number, worker: number): boolean {
    if (!this.#workerMoves(worker, fd, entry(IN_DEVICE, 0, stamp), entry(ADOPTING, worker, stamp))) return false
    this.#counters.countAdopted(worker)
    return true
  }

  /** Worker: a handle has the fd now, so that Node closes it if the worker dies. */
  opened(fd: number, stamp: number, worker: number): boolean {
    return this.#workerMoves(worker, fd, entry(ADOPTING, worker, stamp), entry(ADOPTED, worker, stamp))
  }

  /**
   * Worker: just *before* it closes the fd; afterwards the kernel may have given the number to
   * another connection. A second call, or one for a connection that `accept` has counted as closed
   * already, is stale and does nothing.
   */
  closed(fd: number, stamp: number, worker: number): boolean {
    const free = entry(FREE, 0, stamp)
    const moved =
      this.#move(fd, entry(ADOPTED, worker, stamp), free) ||
      this.#workerMoves(worker, fd, entry(ADOPTING, worker, stamp), free)
    if (moved) this.#counters.countClosed(worker)
    return moved
  }

  /**
   * Acceptor, once the worker's thread has ended and before another gets its index: all that it
   * owned is closed, by Node with the thread's environment. Its counters, which it may have been in
   * the middle of updating, are put right.
   *
   * @returns the fds that it had adopted and may not have opened a handle on: if so, nobody has
   *   closed them.
   */
  takeOwnedBy(worker: number): number[] {
    this.#orphans.clear()
    let owned = 0
    for (let fd = 0; fd < this.#header[HIGH_WATER]; fd++) {
      const word = Atomics.load(this.#words, fd)
      const state = word & STATE_MASK
      if (state < ADOPTING || ownerOf(word) !== worker) continue
      // It fails if another worker accepts just now, and has been given the number again.
      if (!this.#move(fd, word, word & GENERATION_MASK)) continue
      if (state === ADOPTING) this.#orphans.set(fd, word & GENERATION_MASK)
      owned++
    }
    this.#counters.repair(worker, owned)
    this.#counters.countClosedFor(worker, owned)
    return [...this.#orphans.keys()]
  }

  /**
   * Acceptor: whether one of those is nobody else's since. If Node had a handle on it and closed
   * it, another worker may have been given the number: it has told the ledger, or has it in hand.
   */
  isOrphan(fd: number): boolean {
    if (Atomics.load(this.#words, fd) !== this.#orphans.get(fd)) return false
    for (let worker = 0; worker < this.workers; worker++) if (this.shift.hasInHand(worker, fd)) return false
    return true
  }

  /**
   * Acceptor, once the device has failed: what it still held is the acceptor's again. Events that a
   * worker has received and not adopted yet are stale from here on.
   */
  takeInDevice(): Connection[] {
    return this.#takeInDevice(() => true)
  }

  /**
   * Acceptor: what was sent to this worker's directed queue and not adopted yet is the acceptor's
   * again; its events are stale from here on.
   */
  takeSentTo(worker: number): Connection[] {
    return this.#takeInDevice((fd) => this.#targets?.[fd] === worker)
  }

  #takeInDevice(isMeant: (fd: number) => boolean): Connection[] {
    const taken: Connection[] = []
    for (let fd = 0; fd < this.#header[HIGH_WATER]; fd++) {
      const word = Atomics.load(this.#words, fd)
      if ((word & STATE_MASK) !== IN_DEVICE || !isMeant(fd)) continue
      // The stamp's low bits are as good as the stamp: no move looks at others.
      const stamp = word >>> GENERATION_SHIFT
      if (!this.#move(fd, word, entry(HELD, 0, stamp))) continue
      taken.push({ listener: this.#listeners[fd], fd, stamp })
    }
    return taken
  }

  /**
   * Acceptor, once all workers' threads have ended: nobody will adopt what is held or in the
   * device, so it is all refused. @returns the fds, which the caller closes, and where they were
   * accepted.
   */
  refuseAll(): Pick<Connection, 'listener' | 'fd'>[] {
    const refused: Pick<Connection, 'listener' | 'fd'>[] = []
    for (let fd = 0; fd < this.#header[HIGH_WATER]; fd++) {
      const word = Atomics.load(this.#words, fd)
      const state = word & STATE_MASK
      if (state !== HELD && state !== IN_DEVICE) continue
      Atomics.store(this.#words, fd, word & GENERATION_MASK)
      this.#counters.countRefused()
      refused.push({ listener: this.#listeners[fd], fd })
    }
    return refused
  }

  /**
   * For the addon, should the acceptor's thread end: the entries by fd, of which the state is the
   * lowest bits.
   */
  get entries(): Int32Array {
    return this.#words
  }

  /** Acceptor: all that was accepted is adopted, or closed. */
  get nothingWaits(): boolean {
    if (this.inFlight !== 0) return false
    for (let worker = 0; worker < this.workers; worker++) if (this.shift.handOf(worker).some(Boolean)) return false
    return true
  }

  /**
   * Read while connections move, a count may lag by those that are just moving; the law holds in
   * any case.
   */
  counts(): LedgerCounts {
    return this.#counters.all()
  }

  /** Accepted and not yet adopted. */
  get inFlight(): number {
    return this.#counters.inFlight()
  }

  /** Grows whenever a connection is accepted, and when it is adopted. */
  get moves(): number {
    return this.#counters.moves()
  }

  /** Connections that workers took, ever. */
  get adopted(): number {
    return this.#counters.adopted()
  }

  /** Those of them that are open. */
  get active(): number {
    return this.#counters.active()
  }

  workerCounts(worker: number): WorkerCounts {
    return this.#counters.ofWorker(worker)
  }

  direct(worker: number): DirectCounts {
    return this.#counters.direct(worker)
  }

  /** Worker: what has come of a connection that was dealt to it itself. */
  countDirect(worker: number, what: keyof DirectCounts): void {
    this.#counters.countDirect(worker, what)
  }

  /** Worker: the device was told that a connection is complete which is open still. */
  countEarly(worker: number): void {
    this.#counters.countEarly(worker)
  }

  /**
   * Worker: so many of its connections are a load while they are open, of which the device counts
   * some. Main says 0 when the worker has ended, and its port was recovered.
   */
  setCounting(worker: number, open: number, counted: number): void {
    this.#counters.setCounting(worker, open, counted)
  }

  /** The most that any worker has open. */
  mostOpen(): number {
    return this.#counters.mostOpen()
  }

  /** Of all workers. */
  countedByDevice(): number {
    return this.#counters.countedByDevice()
  }

  /** Worker: a connection that it has taken is closed for its PROXY header. */
  countBadHeader(worker: number): void {
    this.#counters.countBadHeader(worker)
  }

  badHeaders(): number {
    return this.#counters.badHeaders()
  }

  completedEarly(worker: number): number {
    return this.#counters.completedEarly(worker)
  }

  /**
   * Whether this connection, and not a later one with the number, is there still: waiting, or open
   * in a worker.
   */
  isOpen(fd: number, stamp: number): boolean {
    if (fd >>> 0 >= this.capacity) return false
    const word = Atomics.load(this.#words, fd)
    return (word & STATE_MASK) !== FREE && sameGeneration(word, stamp << GENERATION_SHIFT)
  }

  /** Reads every entry up to the highest that was ever used. */
  scan(): LedgerTable {
    const states = [0, 0, 0, 0, 0]
    const owned = new Array<number>(this.workers).fill(0)
    for (let fd = 0; fd < this.#header[HIGH_WATER]; fd++) {
      const word = Atomics.load(this.#words, fd)
      const state = word & STATE_MASK
      states[state]++
      if (state >= ADOPTING) owned[ownerOf(word)]++
    }
    const [, held, inDevice, adopting, adopted] = states
    return { held, inDevice, adopting, adopted, owned }
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

  /** @returns the stamp; `#replaced` is what the entry was before. */
  #take(fd: number, time: number, state: number, owner: number): number {
    this.#raiseHighWater(fd)
    for (;;) {
      const previous = Atomics.load(this.#words, fd)
      let stamp = time | 0
      while (stamp === NO_STAMP || sameGeneration(stamp << GENERATION_SHIFT, previous)) stamp = (stamp + 1) | 0
      // The one swap that is tried again: it fails if the previous owner, which closed the fd
      // first, tells us just now.
      if (Atomics.compareExchange(this.#words, fd, previous, entry(state, owner, stamp)) === previous) {
        this.#replaced = previous
        return stamp
      }
    }
  }

  #raiseHighWater(fd: number): void {
    for (;;) {
      const mark = Atomics.load(this.#header, HIGH_WATER)
      if (fd < mark || Atomics.compareExchange(this.#header, HIGH_WATER, mark, fd + 1) === mark) return
    }
  }

  /**
   * The kernel gave us the number again, so whatever connection had the entry is closed, and nobody
   * told us.
   */
  #endPrevious(word: number): void {
    const state = word & STATE_MASK
    // Its worker ended, and Node closed it, before we heard of that.
    if (state >= ADOPTING) this.#counters.countClosedFor(ownerOf(word), 1)
    // Some code closed an fd that was not its own. The event that still travels will be found
    // stale.
    else if (state !== FREE) this.#counters.countRefused()
  }

  #acceptorMoves(fd: number, from: number, to: number): boolean {
    if (this.#move(fd, from, to)) return true
    this.#counters.countStale()
    return false
  }

  #workerMoves(worker: number, fd: number, from: number, to: number): boolean {
    if (this.#move(fd, from, to)) return true
    this.#counters.countStaleAt(worker)
    return false
  }

  #move(fd: number, from: number, to: number): boolean {
    return fd >>> 0 < this.capacity && Atomics.compareExchange(this.#words, fd, from, to) === from
  }
}

function shiftAt(workers: number): number {
  return HEADER_BYTES + LedgerCounters.byteLength(workers)
}

function entriesAt(workers: number): number {
  return shiftAt(workers) + Shift.byteLength(workers)
}

function entry(state: number, owner: number, stamp: number): number {
  return (stamp << GENERATION_SHIFT) | (owner << OWNER_SHIFT) | state
}

function ownerOf(word: number): number {
  return (word & OWNER_MASK) >> OWNER_SHIFT
}

function sameGeneration(a: number, b: number): boolean {
  return (a ^ b) >>> GENERATION_SHIFT === 0
}

/**
 * For `accept`: of a clock that all threads share. The ledger and the event keep the low 32 bits.
 */
export function nowInMicroseconds(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return (seconds * 1e6 + Math.trunc(nanoseconds / 1e3)) >>> 0
}
