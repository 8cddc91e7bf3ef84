import { AsyncResource } from 'node:async_hooks'
import type { Port } from '../device/device.ts'
import type { EventBuffer } from '../device/event-buffer.ts'
import type { ListenHandle } from './listen-handle.ts'
import type { StreamHandle } from './node-handles.ts'

/** How many events are taken in one turn of the loop: a busy worker leaves the others where they can be taken back. */
export const INBOX_BATCH = 4

export interface InboxOptions {
  readonly port: Port
  readonly events: EventBuffer
  /** Whether the port owes a release for what it received: load-balanced ports do. */
  readonly releases: boolean
  /** Makes the event's fd a connection; null if it is not this worker's to take. Never throws. */
  readonly adopt: (listener: number, fd: number, stamp: number) => Delivery | null
  readonly debug: ((line: string) => void) | null
}

/** A client and the server that takes it. */
export interface Delivery {
  readonly client: StreamHandle
  readonly server: ListenHandle
}

/**
 * The worker's end of the device. Woken while the port's consumer queue holds events, it adopts a few and releases
 * them: an event is complete once it is adopted.
 *
 * The user's 'connection' handler runs inside. If it throws, the error has to reach 'uncaughtException' as it does
 * without a balancer, and the rest of the batch must not be lost: it stays for the next turn, and if the worker dies
 * of the error it is recovered with the port.
 */
export class Inbox {
  readonly #port: Port
  readonly #events: EventBuffer
  readonly #releases: boolean
  readonly #adopt: InboxOptions['adopt']
  readonly #debug: InboxOptions['debug']
  /** A root context: async-local state of one connection's handler does not leak into the next one's. */
  readonly #context = new AsyncResource('DLBINBOX')
  #next = 0
  #count = 0

  constructor(options: InboxOptions) {
    this.#port = options.port
    this.#events = options.events
    this.#releases = options.releases
    this.#adopt = options.adopt
    this.#debug = options.debug
  }

  open(): void {
    this.#port.onReadable(() => this.#take())
    this.#port.unref()
  }

  close(): void {
    this.#port.onReadable(null)
  }

  #take(): void {
    // The rest of an interrupted batch comes first; its own turn is scheduled.
    if (this.#next < this.#count) return
    this.#next = 0
    this.#count = this.#port.receive(this.#events, INBOX_BATCH)
    if (this.#count > 0) this.#debug?.(`get dlb event ${this.#count}`)
    this.#deliverAll()
    if (this.#count < INBOX_BATCH) this.#debug?.('dlb receive none, skip')
  }

  #deliverAll(): void {
    while (this.#next < this.#count) {
      const i = this.#next++
      const fd = this.#events.data64Low(i)
      const delivery = this.#adopt(this.#events.data16(i), fd, this.#events.data64High(i))
      if (this.#releases) this.#port.release(1)
      if (!delivery) continue
      this.#debug?.(`dlb recv ${fd}`)
      if (this.#deliver(delivery)) continue
      setImmediate(() => this.#deliverAll())
      return
    }
  }

  /** @returns false if the user's code threw. */
  #deliver({ client, server }: Delivery): boolean {
    try {
      this.#context.runInAsyncScope(server.onconnection, server, 0, client)
      return true
    } catch (error) {
      process.nextTick(rethrow, error)
      return false
    }
  }
}

function rethrow(error: unknown): never {
  throw error
}
