import type { Port } from '../../device/device.ts'
import type { EventBuffer } from '../../device/event-buffer.ts'
import { NodeDlbError } from '../../errors.ts'
import type { Adopter } from './adopter.ts'
import type { Completions } from './completions.ts'
import { deliver, LATER } from './delivery.ts'

/**
 * The number of events that an inbox takes in one turn of the loop. So a busy worker leaves the
 * others where they can be taken back.
 */
export const INBOX_BATCH = 4

const NONE = 'dlb receive none, skip'

export interface InboxOptions {
  readonly port: Port
  /** The number of events to take at once, at most INBOX_BATCH. */
  readonly batch: number
  readonly events: EventBuffer
  readonly completions: Completions
  readonly adopter: Adopter
  /** A call of the port has failed. */
  readonly onFailure: (error: NodeDlbError) => void
  readonly debug: ((line: string) => void) | null
}

/**
 * Takes the events out of a port's consumer queue. It is woken while the queue has events, takes a
 * few, and delivers each of them in a callback of its own. If a handler of the app throws, the
 * others still come. If the worker dies of it, they are recovered with the port.
 */
export class Inbox {
  readonly #options: InboxOptions
  #next = 0
  #count = 0

  constructor(options: InboxOptions) {
    this.#options = options
  }

  open(): void {
    const { port } = this.#options
    port.onReadable(() => this.#take())
    port.unref()
  }

  #take(): void {
    // The rest of the last batch comes first; this function is called again afterwards.
    if (this.#next < this.#count) return
    const { debug } = this.#options
    this.#next = 0
    this.#count = this.#receive()
    if (this.#count === 0) {
      debug?.(NONE)
      return
    }
    debug?.(`get dlb event ${this.#count}`)
    for (let i = 1; i < this.#count; i++) setImmediate(this.#deliverNext)
    this.#deliverNext()
  }

  readonly #deliverNext = (): void => {
    const { events, adopter, completions, debug } = this.#options
    const i = this.#next++
    const fd = events.data64Low(i)
    const delivery = adopter.adopt(events.data16(i), fd, events.data64High(i), completions)
    if (delivery) debug?.(`dlb recv ${fd}`)
    if (this.#next === this.#count && this.#count < INBOX_BATCH) debug?.(NONE)
    if (delivery && delivery !== LATER) deliver(delivery)
  }

  #receive(): number {
    const { port, events, batch, onFailure } = this.#options
    try {
      return port.receive(events, batch)
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      onFailure(error)
      return 0
    }
  }
}
