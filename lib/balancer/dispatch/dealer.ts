import type { EventBuffer } from '../../device/event-buffer.ts'
import { type Connection, type Ledger, NO_STAMP, nowInMicroseconds } from '../../ledger/ledger.ts'
import { loadAddon } from '../../native.ts'
import { HeaderWait } from '../../net/proxied-client.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { ShedReason, Sheds } from '../stats/sheds.ts'
import type { Admission } from './admission.ts'
import type { ConnectionDomain } from './connection-domain.ts'
import { mainDebug } from './main-debug.ts'
import type { Policy, PolicyListener } from './policies/index.ts'

/** What the dealer knows of a listener. */
export interface DealtListener extends PolicyListener {
  readonly id: number
  readonly policy: Policy
  /** Whether any eligible worker listens now. */
  readonly served: boolean
  /** Connections that wait for such a worker. */
  readonly unserved: Connection[]
}

export interface DealerParts {
  readonly ledger: Ledger
  readonly table: DealtListeners
  /** null: there is no limit on connections. */
  readonly admission: Admission | null
  readonly acceptSwitch: AcceptPause
  /** null: stalled workers are not detected. */
  readonly stalls: Stalls | null
  readonly sheds: Sheds
  readonly options: Pick<ResolvedOptions, 'maxRetries' | 'debug' | 'workerPlaces'>
}

interface DealtListeners {
  /** undefined: the listener is closed. */
  get(id: number): DealtListener | undefined
}

export interface AcceptPause {
  /** Pauses accepting, because credits have run out or a limit is reached, or ends the pause. */
  setBlocked(blocked: boolean): void
}

interface Stalls {
  /** Called when connections are on their way. */
  arm(): void
}

const FIRST_RETRY_MS = 1
const MAX_RETRY_MS = 16
const PRIORITIES = 8

/**
 * Sends connections to the device, in the order in which they come, those of a better priority
 * first. When the device takes fewer, because it has no credits, the dealer keeps the rest, has
 * accepting paused, and tries again on a timer, so that no connection is dropped and no loop spins.
 * It does the same with connections beyond a limit. The number that it keeps is bounded: one batch
 * for each listener, and connections that come back from workers, which were counted before.
 *
 * Main thread.
 */
export class Dealer {
  readonly #domain: ConnectionDomain
  readonly #events: EventBuffer
  readonly #parts: DealerParts
  readonly #ledger: Ledger
  readonly #maxRetries: number
  readonly #debug: ((line: string) => void) | null
  /** The connections that wait, by priority. */
  readonly #lanes: readonly Connection[][] = Array.from({ length: PRIORITIES }, () => [])
  readonly #headers = new HeaderWait((connection) => this.deal([connection]))
  #flushing = false
  #retry: NodeJS.Timeout | null = null
  #retryMs = FIRST_RETRY_MS
  /** The number of retries in a row with no connection taken. */
  #retries = 0

  constructor(domain: ConnectionDomain, parts: DealerParts) {
    this.#domain = domain
    this.#events = domain.createEvents()
    this.#parts = parts
    this.#ledger = parts.ledger
    this.#maxRetries = parts.options.maxRetries ?? Number.POSITIVE_INFINITY
    this.#debug = mainDebug(parts.options)
    domain.returnTo(this)
  }

  /** The number of connections that wait here for credits, or until a limit allows them. */
  get waiting(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.length, 0)
  }

  /** Whether accepting has to wait. */
  get blocked(): boolean {
    return this.#retry !== null
  }

  /** Deals connections that main has just accepted. The array is only read. */
  accept(listener: number, fds: Int32Array, count: number): void {
    const now = nowInMicroseconds()
    const lane = this.#laneOf(listener)
    const { proxied = false, policy } = this.#parts.table.get(listener) ?? {}
    const needsHeader = proxied && policy?.needsClient
    for (let i = 0; i < count; i++) {
      const fd = fds[i]
      const stamp = this.#ledger.accept(fd, now, listener)
      const connection = { listener, fd, stamp }
      if (stamp === NO_STAMP) loadAddon().closeFd(fd)
      else if (!needsHeader || !this.#headers.keep(connection)) lane.push(connection)
    }
    if (!this.blocked) this.#flush()
  }

  /**
   * Deals again the connections that a worker that has died or stalled had in its ports, unless
   * they are adopted.
   * @returns the number of these
   */
  recover(connections: readonly Connection[]): number {
    const ours = connections.filter(({ fd, stamp }) => this.#ledger.recovered(fd, stamp))
    this.deal(ours)
    return ours.length
  }

  /**
   * Deals again connections that a worker gives back, or that were in a queue that is reclaimed,
   * unless they are not in the device according to the ledger.
   */
  dealReturned(connections: readonly Connection[]): void {
    const ours = connections.filter(({ fd, stamp }) => this.#ledger.fromDevice(fd, stamp))
    this.deal(ours)
  }

  /** Deals connections that are waiting according to the ledger. */
  deal(connections: readonly Connection[]): void {
    for (const connection of connections) this.#laneOf(connection.listener).push(connection)
    if (!this.blocked) this.#flush()
  }

  /** Closes connections that are waiting according to the ledger and that nobody will serve. */
  refuse(connections: readonly Connection[]): void {
    for (const { fd, stamp } of connections) {
      if (this.#ledger.refuse(fd, stamp)) loadAddon().resetFd(fd)
    }
  }

  /** Stops dealing. @returns the connections that wait here; the caller owns them from now on */
  stop(): Connection[] {
    if (this.#retry) clearTimeout(this.#retry)
    this.#retry = null
    return [...this.#headers.abandon(), ...this.#lanes.flatMap((lane) => lane.splice(0))]
  }

  #laneOf(listener: number): Connection[] {
    return this.#lanes[this.#parts.table.get(listener)?.priority ?? 0]
  }

  /**
   * Deals all that waits. A call from within does nothing: `Admission` may release a worker when it
   * is asked, and then unserved connections are dealt to that worker.
   */
  #flush(): void {
    if (this.#flushing) return
    this.#flushing = true
    this.#dealAll()
    this.#flushing = false
  }

  #dealAll(): void {
    const asked = this.waiting
    let allowed = this.#parts.admission?.allowed(asked) ?? Number.POSITIVE_INFINITY
    const isLimited = allowed < asked
    let done = 0
    for (const lane of this.#lanes) {
      const dealt = this.#dealLane(lane, allowed)
      done += dealt
      allowed -= dealt
      if (lane.length > 0) break
    }
    this.#retries = done > 0 || isLimited ? 0 : this.#retries + 1
    if (this.#retries > this.#maxRetries) this.#shed('device-full', (fd) => loadAddon().resetFd(fd))
    else if (isLimited && this.#parts.admission?.sheds) this.#shed('limit', (fd) => this.#parts.admission?.end(fd))
    if (this.waiting > 0) this.#retryLater(done > 0)
    else this.#unblock()
  }

  /**
   * Deals at most `most` connections.
   * @returns the number that are now sent, unserved or refused; fewer if the device takes no more
   */
  #dealLane(lane: Connection[], most: number): number {
    const end = Math.min(lane.length, Math.max(0, most))
    let done = 0
    while (done < end) {
      const wanted = Math.min(this.#runLength(lane, done), end - done)
      const sent = this.#dealRun(lane, done, wanted)
      done += sent
      if (sent < wanted) break
    }
    lane.splice(0, done)
    return done
  }

  /**
   * Closes all connections that wait, because the device has taken nothing for too long, or a limit
   * is reached. Their clients learn of it and can connect elsewhere.
   */
  #shed(reason: ShedReason, end: (fd: number) => void): void {
    this.#retries = 0
    const ours = this.#lanes
      .flatMap((lane) => lane.splice(0))
      .filter(({ fd, stamp }) => this.#ledger.shedWaiting(fd, stamp))
    for (const { fd } of ours) end(fd)
    this.#parts.sheds.count(reason, ours.length)
  }

  /**
   * The number of connections from index `start` on that have the same listener and fit into the
   * events.
   */
  #runLength(lane: readonly Connection[], start: number): number {
    const { listener } = lane[start]
    const most = Math.min(lane.length - start, this.#events.length)
    let length = 1
    while (length < most && lane[start + length].listener === listener) length++
    return length
  }

  /** @returns the number that are now sent, unserved or refused */
  #dealRun(lane: readonly Connection[], start: number, count: number): number {
    const listener = this.#parts.table.get(lane[start].listener)
    if (listener?.served) return this.#send(listener, lane, start, count)
    const connections = lane.slice(start, start + count)
    if (listener) listener.unserved.push(...connections)
    else this.refuse(connections)
    return count
  }

  #send(listener: DealtListener, lane: readonly Connection[], start: number, count: number): number {
    for (let i = 0; i < count; i++) {
      const { fd, stamp } = lane[start + i]
      this.#events.setData64(i, fd, stamp)
      this.#events.setData16(i, listener.id)
      const worker = listener.policy.target(this.#events, i, listener)
      // This comes before the send: a worker can have the event before `send` returns.
      this.#ledger.toDevice(fd, stamp, worker)
    }
    const sent = this.#domain.send(this.#events, count)
    listener.policy.sent(listener, sent)
    if (sent > 0) this.#parts.stalls?.arm()
    for (let i = 0; i < count; i++) {
      const { fd, stamp } = lane[start + i]
      if (i >= sent) this.#ledger.fromDevice(fd, stamp)
      else this.#debug?.(`dlb send fd ${fd}`)
    }
    return sent
  }

  #retryLater(progress: boolean): void {
    const wasBlocked = this.blocked
    this.#retryMs = progress ? FIRST_RETRY_MS : Math.min(this.#retryMs * 2, MAX_RETRY_MS)
    this.#retry = setTimeout(() => this.#flush(), this.#retryMs)
    if (!wasBlocked) this.#parts.acceptSwitch.setBlocked(true)
  }

  #unblock(): void {
    if (!this.#retry) return
    this.#retry = null
    this.#parts.acceptSwitch.setBlocked(false)
  }
}
