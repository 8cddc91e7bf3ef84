import { type Connection, type Ledger, NO_STAMP, nowInMicroseconds } from '../balancer/ledger.ts'
import { WatchedSocket } from '../balancer/listener.ts'
import type { Shift } from '../balancer/shift.ts'
import type { Port, QueueId } from '../device/device.ts'
import { type EventBuffer, SchedulingType } from '../device/event-buffer.ts'
import { NodeDlbError } from '../errors.ts'
import { loadAddon } from '../native.ts'
import type { Route } from './protocol.ts'

/** Once it has found nothing on so many turns of the loop, with nothing received in between, this worker has nothing to do. */
const QUIET_TURNS = 2

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
  readonly queue: QueueId
  readonly priority: number
  readonly socket: WatchedSocket
}

/**
 * Accepts in the acceptor's stead while that rests (see Rest), which begins when all workers have something to do: the next one that has
 * taken all that it was dealt looks into the backlogs itself, for a few, and sends them to the device, which deals them as any others. One that
 * finds nothing, on this turn of its loop and on the next ones, watches the sockets. So under load no other thread is woken to accept a
 * connection, and what waits does so in the kernel, for whoever is free first.
 *
 * What it has accepted is in its hand, in shared memory, until it is sent: if the thread ends in between, main finds it there.
 */
export class Relief {
  readonly #options: ReliefOptions
  readonly #shift: Shift
  readonly #hand: Int32Array
  /** The best priority first. */
  #shared: readonly Shared[] = []
  /** Turns of the loop without a connection. */
  #quiet = 0
  /** Turns until the next look. */
  #turns = 0
  #scheduled = false
  #busy = false
  #watching = false

  constructor(options: ReliefOptions) {
    this.#options = options
    this.#shift = options.ledger.shift
    this.#hand = this.#shift.handOf(options.worker)
  }

  join(listener: number, { queue, priority, relief }: Route): void {
    this.leave(listener)
    if (relief === null || queue === null) return
    const socket = new WatchedSocket(relief, () => this.#onReadable())
    socket.watch(this.#watching)
    const shared = { listener, queue, priority, socket }
    this.#shared = [...this.#shared, shared].sort((a, b) => a.priority - b.priority)
  }

  leave(listener: number): void {
    const left = this.#shared.find((shared) => shared.listener === listener)
    left?.socket.close()
    this.#shared = this.#shared.filter((shared) => shared !== left)
  }

  close(): void {
    for (const { listener } of this.#shared) this.leave(listener)
  }

  /** This worker has adopted what it received. `all`: there was no more. In the port's callback, so that what is sent wakes nobody here. */
  adopted(all: boolean): void {
    this.#begin()
    if (all && this.#isDue()) this.#look()
    // If there is more, it is received on the next turn, before this worker looks.
    else this.#lookIn(2)
  }

  #onReadable(): void {
    this.#begin()
    if (this.#isDue()) this.#look()
    else this.#goOn()
  }

  #begin(): void {
    this.#quiet = 0
    this.#setBusy(true)
    this.#watch(false)
  }

  /** Whether the acceptor rests; it is told that somebody does something. */
  #isDue(): boolean {
    const { worker } = this.#options
    if (!this.#shift.isResting || this.#shift.isHeld(worker)) return false
    this.#shift.turned()
    return true
  }

  #look(): void {
    const count = this.#acceptSome()
    if (count > 0) this.#quiet = 0
    if (count < 0) this.#callAcceptor()
    else this.#goOn()
  }

  #goOn(): void {
    if (this.#quiet++ < QUIET_TURNS) {
      this.#lookIn(1)
      return
    }
    // First: an acceptor that has not begun to rest by then counts this worker as idle.
    this.#setBusy(false)
    this.#watch(this.#isDue())
  }

  #setBusy(busy: boolean): void {
    if (this.#busy === busy) return
    this.#busy = busy
    this.#shift.setBusy(this.#options.worker, busy)
  }

  #watch(on: boolean): void {
    if (this.#watching === on) return
    this.#watching = on
    for (const { socket } of this.#shared) socket.watch(on)
  }

  #lookIn(turns: number): void {
    this.#turns = turns
    if (!this.#scheduled) setImmediate(this.#turn)
    this.#scheduled = true
  }

  readonly #turn = (): void => {
    this.#scheduled = false
    if (--this.#turns > 0) this.#lookIn(this.#turns)
    else if (this.#isDue()) this.#look()
    else this.#goOn()
  }

  /** It knows what to do when descriptors or memory have run out. */
  #callAcceptor(): void {
    this.#setBusy(false)
    const waker = this.#shift.endRest()
    if (waker !== 0) loadAddon().wake(waker)
  }

  /** From the first socket that has any. @returns how many, or a negative errno */
  #acceptSome(): number {
    for (const shared of this.#shared) {
      const count = shared.socket.acceptInto(this.#hand)
      if (count > 0) this.#deal(shared, count)
      if (count !== 0) return count
    }
    return 0
  }

  #deal({ listener, queue, priority }: Shared, accepted: number): void {
    const { ledger, worker, events, giveBack } = this.#options
    const hand = this.#hand
    const now = nowInMicroseconds()
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
    hand.fill(0, 0, accepted)
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
