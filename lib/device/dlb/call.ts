import type { NativeDlbPort } from '../../native-dlb.ts'
import type { EventBuffer } from '../event-buffer.ts'

/** Indices of `NativeDlbPort.call`, as 32-bit words: native/dlb/attachment.h has the same. */
export const argument = { count: 0, offset: 1 } as const
export const result = 2

const none = new Int32Array(0)

/**
 * The event buffer that a port sends from, or receives into, as the addon knows it. The addon would take longer to look
 * up a buffer's memory than for the rest of a call, so it keeps the address, and only a change of buffers is told.
 *
 * The memory is kept alive here. If it is transferred away, which its owner may do at any time, `words` shrinks to
 * nothing at once, and the addon is told to forget it.
 */
export class LentEvents {
  readonly #native: NativeDlbPort
  readonly #receives: boolean
  #events: EventBuffer | undefined
  #words = none
  #length = 0

  constructor(native: NativeDlbPort, receives: boolean) {
    this.#native = native
    this.#receives = receives
  }

  /** Last before the call of the addon: nothing of the user's may run in between. */
  use(events: EventBuffer): void {
    if (events !== this.#events || this.#words.length !== this.#length) this.#change(events)
  }

  #change(events: EventBuffer): void {
    // Once, and first: to a program that does not keep to the types it may be a getter.
    const { buffer } = events
    this.#events = undefined
    const isThere = this.#native.lend(this.#receives, buffer) > 0
    this.#words = isThere ? new Int32Array(buffer) : none
    this.#length = this.#words.length
    this.#events = events
  }
}
