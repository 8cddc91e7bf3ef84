import type { Port } from '../device/device.ts'
import type { EventBuffer } from '../device/event-buffer.ts'
import { NodeDlbError } from '../errors.ts'
import { type Delivery, deliver } from './delivery.ts'

/** How many events are taken in one turn of the loop: a busy worker leaves the others where they can be taken back. */
export const INBOX_BATCH = 4

export interface InboxOptions {
  readonly port: Port
  readonly events: EventBuffer
  /** Makes the event's fd a connection; null if it is not this worker's to take. Never throws. */
  readonly adopt: (listener: number, fd: number, stamp: number) => Delivery | null
  /** The port does not work any more. */
  readonly onFailure: (error: NodeDlbError) => void
  readonly debug: ((line: string) => void) | null
}

/**
 * The worker's end of the device. Woken while the port's consumer queue holds events, it adopts a few and releases
 * them: an event is complete once it is adopted.
 *
 * If the user's 'connection' handler throws, the rest of the batch must not be lost: it stays for the next turn, and if
 * the worker dies of the error it is recovered with the port.
 */
export class Inbox {
  readonly #port: Port
  readonly #events: EventBuffer
  /** Whether the port owes a release for what it received: load-balanced ports do. */
  readonly #releases: boolean
  readonly #adopt: InboxOptions['adopt']
  readonly #onFailure: InboxOptions['onFailure']
  readonly #debug: InboxOptions['debug']
  #next = 0
  #count = 0

  constructor(options: InboxOptions) {
    this.#port = options.port
    this.#events = options.events
    this.#releases = options.port.id.kind === 'load-balanced'
    this.#adopt = options.adopt
    this.#onFailure = options.onFailure
    this.#debug = options.debug
  }

  open(): void {
    this.#port.onReadable(() => this.#take())
    this.#port.unref()
  }

  #take(): void {
    // The rest of an interrupted batch comes first; its own turn is scheduled.
    if (this.#next < this.#count) return
    this.#next = 0
    this.#count = this.#try(() => this.#port.receive(this.#events, INBOX_BATCH)) ?? 0
    if (this.#count > 0) this.#debug?.(`get dlb event ${this.#count}`)
    this.#deliverAll()
    if (this.#count < INBOX_BATCH) this.#debug?.('dlb receive none, skip')
  }

  #deliverAll(): void {
    while (this.#next < this.#count) {
      const i = this.#next++
      const fd = this.#events.data64Low(i)
      const delivery = this.#adopt(this.#events.data16(i), fd, this.#events.data64High(i))
      if (this.#releases) this.#try(() => this.#port.release(1))
      if (!delivery) continue
      this.#debug?.(`dlb recv ${fd}`)
      if (deliver(delivery)) continue
      setImmediate(() => this.#deliverAll())
      return
    }
  }

  #try<T>(call: () => T): T | undefined {
    try {
      return call()
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      this.#onFailure(error)
      return undefined
    }
  }
}
