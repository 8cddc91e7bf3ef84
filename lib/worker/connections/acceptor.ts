import type { QueueId } from '../../device/device.ts'
import { NodeDlbError } from '../../errors.ts'
import { type AcceptMode, MAX_PENDING } from '../../ledger/accept-mode.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { loadAddon } from '../../native.ts'
import { SharedSocket, WatchedSocket } from '../../net/shared-listening-socket.ts'
import type { AcceptRoute, Route } from '../../protocol.ts'

/** A listener from which this worker accepts. */
export interface AcceptedListener {
  readonly listener: number
}

/** A listener whose connections go to a queue of the device. */
export interface QueuedListener extends AcceptedListener {
  /** The priority of its connections, 0 (first) to 7. */
  readonly priority: number
  /** The queue that its connections go to. */
  readonly queue: QueueId
}

/** Takes over the connections that the acceptor has accepted. */
export interface AcceptSink<From extends AcceptedListener> {
  /**
   * Takes over the connections in the first `count` words of the pending list, and sets these words
   * to 0.
   * @returns whether it can take more now
   */
  take(from: From, count: number): boolean
}

export interface AcceptorOptions {
  readonly ledger: Ledger
  readonly worker: number
  /** Takes what is accepted for the device; null if the worker cannot send there. */
  readonly device: AcceptSink<QueuedListener> | null
  /** Takes what the worker accepts for itself. */
  readonly own: AcceptSink<AcceptedListener>
  /**
   * Called when connections were closed at once because no descriptors were left. They are counted.
   */
  readonly onShed: (connections: number) => void
}

interface Watched extends QueuedListener {
  queue: QueueId
  readonly socket: WatchedSocket
  /** Main's descriptor of the socket. */
  readonly fd: number
  readonly counter: number
}

/**
 * Accepts connections in this worker, and passes them to a sink.
 *
 * Listeners with a queue in the device: while the accept mode is `workers` (see AcceptSwitch), a
 * worker that is told so watches the listening sockets, takes a few connections at a time from the
 * backlogs, and sends them to the device, which deals them like those that main accepts. For each
 * connection, the kernel wakes one of the workers that watch and sleep. Connections that come while
 * all of them are busy wait in the backlog for the first worker that is free. When the mode has
 * changed, the next connection that wakes this worker ends its watch.
 *
 * Listeners without a device (`nop`): the worker always accepts, one connection at a time, and
 * serves it itself. When no descriptors are left, the addon sheds.
 *
 * Connections that the worker has accepted are pending, in shared memory, until the sink has them
 * (AcceptMode). If the thread ends in between, main finds them there. Both kinds of listeners use
 * the same pending list: each callback of the loop accepts from one socket, and empties the list.
 */
export class Acceptor {
  readonly #options: AcceptorOptions
  readonly #mode: AcceptMode
  readonly #pending: Int32Array
  /** The sockets of listeners with a queue; the best priority comes first. */
  #watched: readonly Watched[] = []
  /**
   * By listener: the sockets from which the worker accepts for itself. These are the current one,
   * and those before it, if the file of a Unix socket was replaced: what waits in their backlogs is
   * served, too.
   */
  readonly #own = new Map<number, SharedSocket[]>()
  /**
   * The number of connections to accept at a time: one while other workers sleep, so that they are
   * woken for the next ones; more while more than that wait.
   */
  #batch = 1

  constructor(options: AcceptorOptions) {
    this.#options = options
    this.#mode = options.ledger.acceptMode
    this.#pending = this.#mode.pendingOf(options.worker)
  }

  /**
   * Called when the worker may accept from the listener, or may do so in another way than before.
   */
  join(listener: number, { accept, queue, priority }: Route): void {
    const canSend = queue !== null && this.#options.device !== null
    if (accept?.sink === 'own') this.#joinOwn(listener, accept.socket)
    else if (accept?.sink === 'device' && canSend) this.#joinQueued({ listener, priority, queue }, accept)
    else this.leave(listener)
  }

  leave(listener: number): void {
    const left = this.#watched.find((watched) => watched.listener === listener)
    left?.socket.close()
    this.#watched = this.#watched.filter((watched) => watched !== left)
    for (const socket of this.#own.get(listener) ?? []) socket.close()
    this.#own.delete(listener)
  }

  close(): void {
    for (const { listener } of this.#watched) this.leave(listener)
    for (const listener of [...this.#own.keys()]) this.leave(listener)
  }

  /** Called when the accept mode is `workers`; it may have changed by now. */
  workersAccept(): void {
    if (this.#mode.workersAccept && !this.#isHeld) this.#watch(true)
  }

  #joinQueued(
    { listener, priority, queue }: QueuedListener,
    { socket: fd, counter }: Extract<AcceptRoute, { sink: 'device' }>,
  ): void {
    const known = this.#watched.find((watched) => watched.listener === listener)
    if (known?.fd === fd) {
      known.queue = queue
      return
    }
    this.leave(listener)
    try {
      const socket = new WatchedSocket(fd, () => this.#onReadable(watched))
      const watched: Watched = { listener, priority, socket, fd, counter, queue }
      this.#watched = [...this.#watched, watched].sort((a, b) => a.priority - b.priority)
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      // No descriptor is left for the socket. Other workers accept there, or main does.
    }
    this.workersAccept()
  }

  /**
   * Routes of a listener without a device differ in nothing but the socket. The descriptor does not
   * tell sockets apart: its number may have been that of a socket which main has closed.
   */
  #joinOwn(listener: number, fd: number): void {
    const { ledger, worker, own, onShed } = this.#options
    const from = { listener }
    const take = (): boolean => own.take(from, 1)
    const shed = (count: number): void => {
      ledger.counters.countShedAt(worker, count)
      onShed(count)
    }
    try {
      const socket = new SharedSocket(fd, this.#pending, take, { onShed: shed })
      this.#own.set(listener, [...(this.#own.get(listener) ?? []), socket])
    } catch (error) {
      // Another socket has taken its place, of which main is about to tell.
      if (!(error instanceof NodeDlbError) || !isGone(error)) throw error
    }
  }

  #onReadable(ready: Watched): void {
    if (!this.#mode.workersAccept) this.#watch(false)
    // A worker that is held does not accept the connection, and the kernel has told no other worker
    // of it. So main has to accept.
    else if (this.#isHeld || !this.#acceptFrom(ready)) this.#callMain()
  }

  get #isHeld(): boolean {
    return this.#mode.isHeld(this.#options.worker)
  }

  #watch(on: boolean): void {
    for (const { socket } of this.#watched) socket.watch(on)
  }

  /** Makes main accept again. Main can handle a lack of descriptors or memory. */
  #callMain(): void {
    this.#watch(false)
    const waker = this.#mode.callMain()
    if (waker !== 0) loadAddon().wake(waker)
  }

  /**
   * Accepts from this listener, or from one with a better priority where connections wait.
   * @returns whether it can accept more; true also if another worker was quicker
   */
  #acceptFrom(ready: Watched): boolean {
    for (const watched of this.#watched) {
      if (watched !== ready && watched.priority >= ready.priority) continue
      const count = watched.socket.acceptInto(this.#pending, this.#batch)
      if (count < 0) return false
      if (count === 0) continue
      this.#batch = count === this.#batch ? Math.min(2 * count, MAX_PENDING) : 1
      this.#mode.countAccept(watched.counter)
      return this.#options.device?.take(watched, count) ?? false
    }
    return true
  }
}

/** Whether main has closed the socket that was to be shared. */
function isGone({ cause }: NodeDlbError): boolean {
  return (cause as NodeJS.ErrnoException).code === 'EBADF'
}
