import type { NativeDlbPort } from '../../native-dlb.ts'
import { checkBuffer, type EventBuffer, rangeError } from '../event-buffer.ts'

// This is the data path. V8 takes for constants the fields that are only declared, as in
// EventMemory, and what the module does not import; and it puts a function's code into its caller's
// only while both are short.

/** Indices of `NativeDlbPort.call`, as 32-bit words: native/dlb/attachment.h has the same. */
const countAt = 0
const offsetAt = 1
const resultAt = 2

const { isInteger } = Number
const none = new Int32Array(0)

/** What a call of the data path is called with, and returns. */
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
 * The event buffer that a port sends from, or receives into, as the addon knows it. The addon would
 * take longer to look up a buffer's memory than for the rest of a call, so it keeps the address,
 * and only a change of buffers is told.
 *
 * The memory is kept alive here. If it is transferred away, which its owner may do at any time,
 * `memory` shrinks to nothing at once, and no event of it can be asked for any more.
 */
export class LentEvents {
  declare private readonly native: NativeDlbPort
  declare private readonly call: Int32Array
  declare private readonly domainKey: number
  declare private readonly receives: boolean
  /** Nothing that a user could pass, until there is a buffer. */
  #events: EventBuffer | Int32Array = none
  #memory = none

  constructor(native: NativeDlbPort, call: Call, domainKey: number, receives: boolean) {
    this.native = native
    this.call = call.words
    this.domainKey = domainKey
    this.receives = receives
  }

  /**
   * Checks what a call is to be made with, and leaves it for the addon: nothing of the user's may
   * run in between.
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
    // Once, and first: to a program that does not keep to the types it may be a getter.
    const { buffer } = events
    this.#events = none
    const isThere = this.native.lend(this.receives, buffer) > 0
    this.#memory = isThere ? new Int32Array(buffer) : none
    this.#events = events
  }
}
