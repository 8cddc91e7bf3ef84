import { journalEntries, type Layout, word } from './layout.ts'

/** The phases of a pass. They tell how to repair the state if the pass's thread dies. */
export const Phase = {
  /** There is nothing to repair. */
  idle: 0,
  /** Private words are being changed, and no change is public yet: roll back. */
  working: 1,
  /** Private words are final and are being published: publish again. */
  publishing: 2,
} as const

/**
 * The most entries that one step of a pass journals after `nearlyFull` returned false. A release
 * record's 16 completions of atomic flows take 12 entries each, and the ports whose commands are
 * taken after the journal is full, up to 128, take 3 each.
 */
const margin = 640

/**
 * The undo journal of a scheduling pass. A thread can be terminated between any two instructions,
 * and the thread that takes the lock next must find the state either of a pass's start or of its
 * end. Therefore a pass changes private words only, saves each old value here before it overwrites
 * it, and publishes its results in one last phase, which can be repeated.
 *
 * Bulk data is not saved. A pass writes it only where no state to which it could be rolled back
 * reads it: beyond a ring's tail, and in free cells. (Cells that were freed in a pass are not taken
 * again in it.)
 *
 * Only the holder of the lock uses the journal. The stores of a dead thread are complete up to some
 * instruction, and visible. They are plain stores, but they reach memory in program order as seen
 * from the thread itself, and the lock passes on only after the thread is known to have ended.
 */
export class Journal {
  readonly #m: Int32Array
  readonly #base: number

  constructor(memory: Int32Array, layout: Layout) {
    this.#m = memory
    this.#base = layout.journal
  }

  begin(): void {
    const m = this.#m
    m[word.journalLength] = 0
    m[word.phase] = Phase.working
    this.save(word.freeHead)
    this.save(word.freeTail)
  }

  /** Saves word `i` as it is now. */
  save(i: number): void {
    const m = this.#m
    const n = m[word.journalLength]
    const at = this.#base + n * 2
    m[at] = i
    m[at + 1] = m[i]
    m[word.journalLength] = n + 1
  }

  /** Sets word `i`, and saves what it was. */
  put(i: number, value: number): void {
    const m = this.#m
    const n = m[word.journalLength]
    const at = this.#base + n * 2
    m[at] = i
    m[at + 1] = m[i]
    m[word.journalLength] = n + 1
    m[i] = value
  }

  /** Whether the pass has to end, so that another one continues. */
  nearlyFull(): boolean {
    return this.#m[word.journalLength] > journalEntries - margin
  }

  publishing(): void {
    this.#m[word.phase] = Phase.publishing
  }

  end(): void {
    this.#m[word.phase] = Phase.idle
  }

  /** Restores what the unfinished pass overwrote, newest first. */
  rollBack(): void {
    const m = this.#m
    for (let n = m[word.journalLength] - 1; n >= 0; n--) {
      const at = this.#base + n * 2
      m[m[at]] = m[at + 1]
    }
    m[word.phase] = Phase.idle
  }
}
