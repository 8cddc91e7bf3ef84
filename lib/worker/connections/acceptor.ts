import type { Port, QueueId } from '../../device/device.ts'
import { type EventBuffer, SchedulingType } from '../../device/event-buffer.ts'
import { NodeDlbError } from '../../errors.ts'
import { HAND_ROOM, type Shift } from '../../ledger/accept-mode.ts'
import { type Connection, type Ledger, NO_STAMP, nowInMicroseconds } from '../../ledger/ledger.ts'
import { loadAddon } from '../../native.ts'
import { WatchedSocket } from '../../net/shared-listening-socket.ts'
import type { Route } from '../../protocol.ts'

export interface ReliefOptions {
  readonly ledger: Ledger
  readonly worker: number
  /** What the connections are sent through; null if no listener has relief. */
  readonly port: Port | null
  readonly events: EventBuffer
  /** Main deals with what the device does not take. */
  readonly giveBack: (connection: Connection) => void
  /** The port does not work any more. */
  readonly onFailure: (error: NodeDlbError) => void
  readonly debug: ((line: string) => void) | null
}

interface Shared {
  readonly listener: number
  readonly priority: number
  readonly socket: WatchedSocket
  /** Of `relief`: whether another route means the same socket. */
  readonly fd: number
  readonly place: number
  queue: QueueId
}

/**
 * Accepts in the acceptor's stead while that rests (see Rest): a worker that has been told so
 * watches the listening sockets, takes a few connections at a time from the backlogs, and sends
 * them to the device, which deals them as any others. The kernel wakes one of those that watch and
 * sleep for a connection; what all are too busy for waits there, for whoever is free first. Once
 * the acceptor does not rest any more, the next connection that finds this worker ends the watch.
 *
 * What it has accepted is in its hand, in shared memory, until it is sent: if the thread ends in
 * between, main finds it there.
 */
export class Relief {
  readonly #options: ReliefOptions
  readonly #shift: Shift
  readonly #hand: Int32Array
  /** The best priority first. */
  #shared: readonly Shared[] = []
  /**
   * How many it accepts at a time: one when others sleep, who are woken for the next; more while
   * there are more than that.
   */
  #room = 1

  constructor(options: ReliefOptions) {
    this.#options = options
    this.#shift = options.ledger.shift
    this.#hand = this.#shift.handOf(options.worker)
  }

  join(listener: number, { queue, priority, relief }: Route): void {
    const known = this.#shared.find((shared) => shared.listener === listener)
    if (known && queue !== null && known.fd === relief?.socket) {
      known.queue = queue
      return
    }
    this.leave(listener)
    if (relief === null || queue === null) return
    const { socket: fd, place } = relief
    try {
      const socket = new WatchedSocket(fd, () => this.#onReadable(shared))
      const shared: Shared = { listener, priority, socket, fd, place, queue }
      this.#shared = [...this.#shared, shared].sort((a, b) => a.priority - b.priority)
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      // No descriptor is left for it: others accept there, or main.
    }
    this.begin()
  }

  leave(listener: number): void {
    const left = this.#shared.find((shared) => shared.listener === listener)
    left?.socket.close()
    this.#shared = this.#shared.filter((shared) => shared !== left)
  }

  close(): void {
    for (const { listener } of this.#shared) this.leave(listener)
  }

  /** The acceptor rests, unless that has ended by now. */
  begin(): void {
    if (this.#shift.isResting && !this.#isHeld) this.#watch(true)
  }

  #onReadable(ready: Shared): void {
    if (!this.#shift.isResting) this.#watch(false)
    // Held, it does not take this connection, of which the others that watch have not been told.
    else if (this.#isHeld || !this.#acceptFrom(ready)) this.#callAcceptor()
  }

  get #isHeld(): boolean {
    return this.#shift.isHeld(this.#options.worker)
  }

  #watch(on: boolean): void {
    for (const { socket } of this.#shared) socket.watch(on)
  }

  /** It accepts again; it knows what to do when descriptors or memory have run out. */
  #callAcceptor(): void {
    this.#watch(false)
    const waker = this.#shift.endRest()
    if (waker !== 0) loadAddon().wake(waker)
  }

  /**
   * Or from one with a better priority, if connections wait there. @returns whether it can, also if
   * another was quicker
   */
  #acceptFrom(ready: Shared): boolean {
    for (const shared of this.#shared) {
      if (shared !== ready && shared.priority >= ready.priority) continue
      const count = shared.socket.acceptInto(this.#hand, this.#room)
      if (count < 0) return false
      if (count === 0) continue
      this.#room = count === this.#room ? Math.min(2 * count, HAND_ROOM) : 1
      return this.#deal(shared, count)
    }
    return true
  }

  /** @returns whether the device has taken them all */
  #deal({ listener, queue, priority, place }: Shared, accepted: number): boolean {
    const { ledger, worker, events, giveBack } = this.#options
    const hand = this.#hand
    const now = nowInMicroseconds()
    this.#shift.turned(place)
    ledger.counters.beginHand(worker)
    let count = 0
    for (let i = 0; i < accepted; i++) {
      const fd = ~hand[i]
      const stamp = ledger.acceptInto(worker, fd, now, listener)
      if (stamp === NO_STAMP) {
        hand[i] = 0
        loadAddon().closeFd(fd)
        continue
      }
      hand[i] = fd + 1
      events.setData64(count, fd, stamp)
      events.setData16(count, listener)
      events.setTarget(count, queue.id, SchedulingType.unordered, priority)
      count++
    }
    const sent = this.#send(count)
    for (let i = sent; i < count; i++) giveBack({ listener, fd: events.data64Low(i), stamp: events.data64High(i) })
    ledger.counters.endHand(worker)
    hand.fill(0, 0, accepted)
    return sent === count
  }

  #send(count: number): number {
    const { port, events, onFailure, debug } = this.#options
    try {
      const sent = port?.send(events, count) ?? 0
      if (debug) for (let i = 0; i < sent; i++) debug(`dlb send fd ${events.data64Low(i)}`)
      return sent
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      onFailure(error)
      return 0
    }
  }
}
