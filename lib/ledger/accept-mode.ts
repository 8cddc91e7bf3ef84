// A cache line for all: whether the acceptor rests, and how the workers get on. Then one for each
// worker: its hand, and whether it is held.
const LINE_BYTES = 64
const LINE = LINE_BYTES / 4
/** The waker of an acceptor that rests, negative once that is woken. */
const RESTING = 0
/** How often workers have accepted connections, by the listener's place. */
const TURNS = 8
/** From so many listeners workers accept in the acceptor's stead: each has a place. */
export const RELIEF_PLACES = 8
const HELD = 8
/** How many connections a worker can have in hand. */
export const HAND_ROOM = 4
/** Behind it: what it has just accepted for itself. */
const OWN = HAND_ROOM

/**
 * Who accepts: the words of shared memory by which the acceptor (Rest) and the workers (Relief)
 * tell each other. What they have to hold is argued in accept-switch.ts; all are sequentially consistent.
 */
export class Shift {
  readonly #words: Int32Array

  static byteLength(workers: number): number {
    return (1 + workers) * LINE_BYTES
  }

  constructor(buffer: SharedArrayBuffer, byteOffset: number, workers: number) {
    this.#words = new Int32Array(buffer, byteOffset, Shift.byteLength(workers) / 4)
  }

  /**
   * Acceptor: it rests, and `waker` is to be woken by a worker that needs it. 0: it rests no more.
   */
  rest(waker: number): void {
    Atomics.store(this.#words, RESTING, waker)
  }

  /** Any thread. */
  get isResting(): boolean {
    return Atomics.load(this.#words, RESTING) !== 0
  }

  /**
   * Worker: the acceptor is needed. It rests until it has heard of that. @returns its waker, if
   * this is the first to say so; else 0.
   */
  endRest(): number {
    const waker = Atomics.load(this.#words, RESTING)
    return waker > 0 && Atomics.compareExchange(this.#words, RESTING, waker, -waker) === waker ? waker : 0
  }

  /** Worker: it has accepted connections of the listener with this place. */
  turned(place: number): void {
    Atomics.add(this.#words, TURNS + place, 1)
  }

  /** Acceptor: differs from before if a worker has accepted connections there since. */
  turnsAt(place: number): number {
    return Atomics.load(this.#words, TURNS + place)
  }

  /** Acceptor: whether the worker is to get no connections, and so accepts none. */
  setHeld(worker: number, held: boolean): void {
    Atomics.store(this.#words, lineOf(worker) + HELD, held ? 1 : 0)
  }

  /** Any thread. */
  isHeld(worker: number): boolean {
    return Atomics.load(this.#words, lineOf(worker) + HELD) !== 0
  }

  /** Any thread: all hands, for the addon. */
  get hands(): { readonly words: Int32Array; readonly stride: number; readonly room: number } {
    return { words: this.#words.subarray(lineOf(0)), stride: LINE, room: HAND_ROOM + 1 }
  }

  /**
   * What a worker has accepted and not sent yet, so that it is not lost if the thread ends there. A
   * place holds an fd's complement from its accept4 on (the addon writes it), the fd plus 1 once
   * the ledger has it, and 0 once it is sent.
   */
  handOf(worker: number): Int32Array {
    return this.#words.subarray(lineOf(worker), lineOf(worker) + HAND_ROOM)
  }

  /**
   * The same of one connection, which a worker has accepted for itself: an fd's complement from its
   * accept4 on, and 0 once the ledger has it as this worker's.
   */
  ownOf(worker: number): Int32Array {
    return this.#words.subarray(lineOf(worker) + OWN, lineOf(worker) + OWN + 1)
  }

  /** Worker: the ledger has it. */
  emptyOwn(worker: number): void {
    this.#words[lineOf(worker) + OWN] = 0
  }

  /** Acceptor: whether a worker has accepted the fd, and the ledger does not know of it yet. */
  hasInHand(worker: number, fd: number): boolean {
    return this.handOf(worker).includes(~fd) || this.ownOf(worker)[0] === ~fd
  }
}

function lineOf(worker: number): number {
  return (1 + worker) * LINE
}
