import type { EventBuffer } from '../device/event-buffer.ts'
import { loadAddon } from '../native.ts'
import type { Fabric } from './fabric.ts'
import { type Connection, type Ledger, NO_STAMP, nowInMicroseconds } from './ledger.ts'
import type { Balanced, Policy } from './policies.ts'

/** What the dealer knows of a listener. */
export interface DealtListener extends Balanced {
  readonly id: number
  /** Whether a worker listens now. */
  readonly served: boolean
  /** Connections that wait for a worker to listen. */
  readonly parked: Connection[]
}

export interface DealerOptions {
  readonly fabric: Fabric
  readonly ledger: Ledger
  /** How often the device is asked in a row before what waits is shed; null: until it takes them. */
  readonly maxRetries: number | null
  /** undefined: it is closed. */
  readonly findListener: (id: number) => DealtListener | undefined
  /** Stop or start accepting: credits have run out, or are back. */
  readonly onBlocked: (blocked: boolean) => void
  readonly debug: ((line: string) => void) | null
}

const FIRST_RETRY_MS = 1
const MAX_RETRY_MS = 16

/**
 * Sends connections to the device, in the order in which they come. When the device takes fewer (no credits), the
 * dealer keeps the rest, has accepting stopped, and tries again on a timer: nothing is dropped, nothing spins. What it
 * keeps is bounded: one batch per listener, and what comes back from workers, which had been counted before.
 *
 * Main thread.
 */
export class Dealer {
  readonly #fabric: Fabric
  readonly #events: EventBuffer
  readonly #ledger: Ledger
  readonly #policy: Policy
  readonly #findListener: DealerOptions['findListener']
  readonly #onBlocked: DealerOptions['onBlocked']
  readonly #maxRetries: number
  readonly #debug: DealerOptions['debug']
  readonly #waiting: Connection[] = []
  #retry: NodeJS.Timeout | null = null
  #retryMs = FIRST_RETRY_MS
  /** In a row, without a connection taken. */
  #retries = 0

  constructor(options: DealerOptions) {
    this.#fabric = options.fabric
    this.#events = options.fabric.createEvents()
    this.#ledger = options.ledger
    this.#policy = options.fabric.policy
    this.#maxRetries = options.maxRetries ?? Number.POSITIVE_INFINITY
    this.#findListener = options.findListener
    this.#onBlocked = options.onBlocked
    this.#debug = options.debug
  }

  /** Connections that wait here for credits. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Whether accepting has to wait for credits. */
  get blocked(): boolean {
    return this.#retry !== null
  }

  /** Fresh from the listener. The array is only read. */
  accept(listener: number, fds: Int32Array, count: number): void {
    const now = nowInMicroseconds()
    for (let i = 0; i < count; i++) {
      const fd = fds[i]
      const stamp = this.#ledger.accept(fd, now, listener)
      if (stamp === NO_STAMP) loadAddon().closeFd(fd)
      else this.#waiting.push({ listener, fd, stamp })
    }
    if (!this.blocked) this.#flush()
  }

  /** From a worker that cannot serve it: deals it again, unless the ledger says that it is not there to be dealt. */
  takeBack(connections: readonly Connection[]): void {
    const ours = connections.filter(({ fd, stamp }) => this.#ledger.fromDevice(fd, stamp))
    this.deal(ours)
  }

  /** Held connections. */
  deal(connections: readonly Connection[]): void {
    for (const connection of connections) this.#waiting.push(connection)
    if (!this.blocked) this.#flush()
  }

  /** Closes held connections that nobody will serve. */
  refuse(connections: readonly Connection[]): void {
    for (const { fd, stamp } of connections) {
      if (this.#ledger.refuse(fd, stamp)) loadAddon().resetFd(fd)
    }
  }

  /** Stops; what waits here is refused. */
  close(): void {
    this.refuse(this.abandon())
  }

  /** Stops. @returns what waits here, which is the caller's. */
  abandon(): Connection[] {
    if (this.#retry) clearTimeout(this.#retry)
    this.#retry = null
    return this.#waiting.splice(0)
  }

  #flush(): void {
    let done = 0
    while (done < this.#waiting.length) {
      const wanted = this.#runLength(done)
      const sent = this.#dealRun(done, wanted)
      done += sent
      if (sent < wanted) break
    }
    this.#waiting.splice(0, done)
    this.#retries = done > 0 ? 0 : this.#retries + 1
    if (this.#retries > this.#maxRetries) this.#shed()
    if (this.#waiting.length > 0) this.#retryLater(done > 0)
    else this.#unblock()
  }

  /** The device has taken nothing for too long: the clients are told, so that they can go elsewhere. */
  #shed(): void {
    this.#retries = 0
    for (const { fd, stamp } of this.#waiting.splice(0)) {
      if (this.#ledger.shedHeld(fd, stamp)) loadAddon().resetFd(fd)
    }
  }

  /** How many from `start` on are of the same listener and fit into the event buffer. */
  #runLength(start: number): number {
    const { listener } = this.#waiting[start]
    const most = Math.min(this.#waiting.length - start, this.#events.length)
    let length = 1
    while (length < most && this.#waiting[start + length].listener === listener) length++
    return length
  }

  /** @returns how many are off our hands */
  #dealRun(start: number, count: number): number {
    const listener = this.#findListener(this.#waiting[start].listener)
    if (listener?.served) return this.#send(listener, start, count)
    const unserved = this.#waiting.slice(start, start + count)
    if (listener) listener.parked.push(...unserved)
    else this.refuse(unserved)
    return count
  }

  #send(listener: DealtListener, start: number, count: number): number {
    for (let i = 0; i < count; i++) {
      const { fd, stamp } = this.#waiting[start + i]
      this.#events.setData64(i, fd, stamp)
      this.#events.setData16(i, listener.id)
      this.#policy.target(this.#events, i, listener)
      // Before the send: a worker can have the event before `send` returns.
      this.#ledger.toDevice(fd, stamp)
    }
    const sent = this.#fabric.send(this.#events, count)
    this.#policy.sent(listener, sent)
    for (let i = 0; i < count; i++) {
      const { fd, stamp } = this.#waiting[start + i]
      if (i >= sent) this.#ledger.fromDevice(fd, stamp)
      else this.#debug?.(`dlb send fd ${fd}`)
    }
    return sent
  }

  #retryLater(progress: boolean): void {
    const wasBlocked = this.blocked
    this.#retryMs = progress ? FIRST_RETRY_MS : Math.min(this.#retryMs * 2, MAX_RETRY_MS)
    this.#retry = setTimeout(() => this.#flush(), this.#retryMs)
    if (!wasBlocked) this.#onBlocked(true)
  }

  #unblock(): void {
    if (!this.#retry) return
    this.#retry = null
    this.#onBlocked(false)
  }
}
