/**
 * The accept mode says which threads accept new connections:
 * - main: the main thread
 * - workers: the workers, from the listeners from which they may
 * - paused: none. The kernel's backlog keeps what arrives.
 */
export type AcceptModeName = 'main' | 'workers' | 'paused'

// The layout: one cache line for all threads, then one for each worker.
//
//     line 0       mode, main's waker, 6 words unused, 8 counters of how often workers accepted
//     line 1 + n   worker n: 4 words of its pending list, 4 words unused, held, 7 words unused
const LINE_BYTES = 64
const LINE = LINE_BYTES / 4
const MODE = 0
const WAKER = 1
const ACCEPTS = 8
const HELD = 8

/**
 * The number of listeners from which workers can accept instead of main: each has a counter here.
 */
export const ACCEPT_COUNTERS = 8
/** The length of a worker's pending list: the most connections that it can have pending. */
export const MAX_PENDING = 4

// Values of the mode's word.
const MAIN = 0
const WORKERS = 1
/** Workers accept, and one of them has called main, which ends that as soon as it runs. */
const MAIN_CALLED = 2
const PAUSED = 3
const words = { main: MAIN, workers: WORKERS, paused: PAUSED }
const names: readonly AcceptModeName[] = ['main', 'workers', 'workers', 'paused']

/**
 * The words of shared memory by which main (AcceptSwitch) and the workers (Acceptor) agree on who
 * accepts, and the lists in which workers keep what they have accepted until it has another owner
 * on record.
 *
 * A connection that a worker has accepted is *pending* until it is sent to the device, or, under
 * `nop`, until the ledger has it as the worker's own. So it is not lost if the thread ends in
 * between. A word of a pending list is
 * - 0: nothing
 * - `~fd`, which is negative: a descriptor that was accepted and that the ledger does not have. The
 *   addon writes it in the call that accepts the connection.
 * - `fd + 1`: a descriptor that the ledger has as in the device, and that may not be sent yet.
 *
 * The addon, too, reads the lists, when the main thread ends (native/ledger_guard.h).
 *
 * All accesses to the mode, the counters and the held words are sequentially consistent. A worker's
 * list belongs to the worker until its thread has ended, and then to main. accept-switch.ts,
 * test/model/accept-mode.pml and pending.pml argue what these words guarantee.
 *
 * Thread: any; each makes its own object over the same memory.
 */
export class AcceptMode {
  readonly #words: Int32Array

  static byteLength(workers: number): number {
    return (1 + workers) * LINE_BYTES
  }

  constructor(buffer: SharedArrayBuffer, byteOffset: number, workers: number) {
    this.#words = new Int32Array(buffer, byteOffset, AcceptMode.byteLength(workers) / 4)
  }

  /** Main: `waker` is the addon's number for the call that workers make to main. */
  setWaker(waker: number): void {
    Atomics.store(this.#words, WAKER, waker)
  }

  /** Main. */
  set(mode: AcceptModeName): void {
    Atomics.store(this.#words, MODE, words[mode])
  }

  /** Any thread. */
  get current(): AcceptModeName {
    return names[Atomics.load(this.#words, MODE)]
  }

  /** Any thread: whether the mode is `workers`. */
  get workersAccept(): boolean {
    const word = Atomics.load(this.#words, MODE)
    return word === WORKERS || word === MAIN_CALLED
  }

  /**
   * Worker: asks main to accept. The mode stays `workers` until main has run.
   * @returns main's waker, if this worker is the first to call since the mode was set; else 0
   */
  callMain(): number {
    if (Atomics.compareExchange(this.#words, MODE, WORKERS, MAIN_CALLED) !== WORKERS) return 0
    return Atomics.load(this.#words, WAKER)
  }

  /** Worker: counts that it has accepted connections from the listener with this counter. */
  countAccept(counter: number): void {
    Atomics.add(this.#words, ACCEPTS + counter, 1)
  }

  /**
   * Main: returns a count that has changed if workers have accepted there since an earlier call.
   */
  acceptCount(counter: number): number {
    return Atomics.load(this.#words, ACCEPTS + counter)
  }

  /**
   * Main: sets whether the worker is held: then it gets no new connections, and so accepts none.
   */
  setHeld(worker: number, held: boolean): void {
    Atomics.store(this.#words, lineOf(worker) + HELD, held ? 1 : 0)
  }

  /** Any thread. */
  isHeld(worker: number): boolean {
    return Atomics.load(this.#words, lineOf(worker) + HELD) !== 0
  }

  /** The worker's pending list. */
  pendingOf(worker: number): Int32Array {
    return this.#words.subarray(lineOf(worker), lineOf(worker) + MAX_PENDING)
  }

  /** Main: whether the worker has accepted the descriptor and the ledger does not have it. */
  isPending(worker: number, fd: number): boolean {
    return this.pendingOf(worker).includes(~fd)
  }

  /**
   * Any thread: the pending lists of all workers, for the addon. They are the first `length` of
   * each `stride` words.
   */
  get allPending(): { readonly words: Int32Array; readonly stride: number; readonly length: number } {
    return { words: this.#words.subarray(lineOf(0)), stride: LINE, length: MAX_PENDING }
  }
}

function lineOf(worker: number): number {
  return (1 + worker) * LINE
}
