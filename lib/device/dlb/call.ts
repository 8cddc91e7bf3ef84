import type { NativeDlbPort } from '../../native-dlb.ts'
import { checkBuffer, type EventBuffer, rangeError } from '../event-buffer.ts'

// This is the data path. V8 treats as constants the module's own constants, and fields that are
// only declared, as in EventMemory, but not imported constants. It inlines a function into its
// caller only while both are short.

/** Indices of `NativeDlbPort.call`, in 32-bit words. native/dlb/attachment.h has the same. */
const countAt = 0
const offsetAt = 1
const resultAt = 2

const { isInteger } = Number
const none = new Int32Array(0)

/** The arguments and the result of a call of the data path, in memory that the addon shares. */
export class Call {
  declare readonly words: Int32Array

  constructor(native: NativeDlbPort) {
    this.words = new Int32Array(native.call)
  }

  setCount(count: number): void {
    this.words[countAt] = count
  }

  result(): number {
    return this.words[resultAt]
  }
}

/**
 * The event buffer that a port sends from, or receives into, as the addon knows it. Looking up a
 * buffer's memory would take the addon longer than the rest of a call. So the addon keeps the
 * address, and is told only when the buffer changes.
 *
 * This object keeps the memory alive. The buffer's owner may transfer the memory away at any time.
 * Then `#memory` shrinks to length 0 at once, and calls with events from it are refused.
 */
export class LentEvents {
  declare private readonly native: NativeDlbPort
  declare private readonly call: Int32Array
  declare private readonly domainKey: number
  declare private readonly receives: boolean
  /** The current buffer; at first a value that no caller can pass. */
  #events: EventBuffer | Int32Array = none
  #memory = none

  constructor(native: NativeDlbPort, call: Call, domainKey: number, receives: boolean) {
    this.native = native
    this.call = call.words
    this.domainKey = domainKey
    this.receives = receives
  }

  /**
   * Checks a call's arguments and stores them for the addon. No code of the user's may run between
   * this and the call.
   */
  give(events: EventBuffer, count: number, offset: number): void {
    if (events !== this.#events) this.#change(events)
    const areIndices = isInteger(count) && isInteger(offset) && count >= 0 && offset >= 0
    if (!areIndices || count + offset > this.#memory.length >> 2) throw rangeError(events, count, offset)
    this.call[countAt] = count
    this.call[offsetAt] = offset
  }

  #change(events: EventBuffer): void {
    checkBuffer(events, this.domainKey)
    // `buffer` is read once, before anything else, because in a program that ignores the types it
    // may be a getter.
    const { buffer } = events
    this.#events = none
    const isThere = this.native.lend(this.receives, buffer) > 0
    this.#memory = isThere ? new Int32Array(buffer) : none
    this.#events = events
  }
}
