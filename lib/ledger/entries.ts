/** The stamp that no connection has. */
export const NO_STAMP = -1

export const FREE = 0
/** Main has the connection and has not dealt it yet. */
export const WAITING = 1
export const IN_DEVICE = 2
/** A worker has taken the connection, and no handle has the fd yet. */
export const ADOPTING = 3
export const ADOPTED = 4

// A word of the table, from the lowest bit: the state, the owner, the generation.
const STATE_MASK = 0b111
const OWNER_SHIFT = 3
const OWNER_BITS = 7
const GENERATION_SHIFT = OWNER_SHIFT + OWNER_BITS
const GENERATION_MASK = -1 << GENERATION_SHIFT

/** The most workers that a ledger can have, because an owner has 7 bits. */
export const MAX_LEDGER_WORKERS = 1 << OWNER_BITS
const OWNER_MASK = (MAX_LEDGER_WORKERS - 1) << OWNER_SHIFT

export function entry(state: number, owner: number, stamp: number): number {
  return (stamp << GENERATION_SHIFT) | (owner << OWNER_SHIFT) | state
}

export function stateOf(word: number): number {
  return word & STATE_MASK
}

export function ownerOf(word: number): number {
  return (word & OWNER_MASK) >> OWNER_SHIFT
}

/**
 * The low bits of the connection's stamp, which identify the connection as well as the stamp does.
 */
export function generationOf(word: number): number {
  return word >>> GENERATION_SHIFT
}

/** The word of the same connection after it is closed. */
export function freed(word: number): number {
  return word & GENERATION_MASK
}

export function isOfStamp(word: number, stamp: number): boolean {
  return (word ^ (stamp << GENERATION_SHIFT)) >>> GENERATION_SHIFT === 0
}

/**
 * The table of the ledger in shared memory: one word for each fd number, and the listener that
 * accepted the fd. This class knows how words are written; Ledger and LedgerRecovery know the
 * moves.
 */
export class LedgerEntries {
  /** The table has entries for descriptors below this number. */
  readonly capacity: number
  /** The words by fd. The addon reads the states, in their lowest 3 bits. */
  readonly words: Int32Array
  readonly #highWater: Int32Array
  /** By fd. The thread that accepted the fd writes this before the entry. */
  readonly #listeners: Uint16Array
  #replaced = 0

  constructor(words: Int32Array, listeners: Uint16Array, highWater: Int32Array) {
    this.capacity = words.length
    this.words = words
    this.#listeners = listeners
    this.#highWater = highWater
  }

  has(fd: number): boolean {
    return fd >>> 0 < this.capacity
  }

  /** A number above every fd that has ever had an entry. */
  get end(): number {
    return this.#highWater[0]
  }

  load(fd: number): number {
    return Atomics.load(this.words, fd)
  }

  listenerOf(fd: number): number {
    return this.#listeners[fd]
  }

  setListener(fd: number, listener: number): void {
    this.#listeners[fd] = listener
  }

  /**
   * Changes the word from `from` to `to`. @returns false, and changes nothing, if the word was not
   * `from`
   */
  move(fd: number, from: number, to: number): boolean {
    return fd >>> 0 < this.capacity && Atomics.compareExchange(this.words, fd, from, to) === from
  }

  /**
   * Enters a connection that was accepted at `time` (µs), whatever the entry was before; `replaced`
   * returns the old word from then on.
   * @returns the connection's stamp
   */
  take(fd: number, time: number, state: number, owner: number): number {
    this.#raiseHighWater(fd)
    for (;;) {
      const previous = Atomics.load(this.words, fd)
      let stamp = time | 0
      while (stamp === NO_STAMP || isOfStamp(previous, stamp)) stamp = (stamp + 1) | 0
      // This is the only swap that is tried again. It fails if the previous owner, which closed the
      // fd first, is recording the close at this moment.
      if (Atomics.compareExchange(this.words, fd, previous, entry(state, owner, stamp)) === previous) {
        this.#replaced = previous
        return stamp
      }
    }
  }

  /** The word that this thread's last `take` replaced. */
  get replaced(): number {
    return this.#replaced
  }

  #raiseHighWater(fd: number): void {
    for (;;) {
      const mark = Atomics.load(this.#highWater, 0)
      if (fd < mark || Atomics.compareExchange(this.#highWater, 0, mark, fd + 1) === mark) return
    }
  }
}
