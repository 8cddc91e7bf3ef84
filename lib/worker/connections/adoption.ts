import { type Ledger, nowInMicroseconds } from '../../ledger/ledger.ts'
import { loadAddon } from '../../native.ts'
import { hideClass, NEW_SOCKET, type StreamHandle, type StreamHandleConstructor } from '../node-handles.ts'

/** Called just before the connection closes. */
export type OnClosed = () => void

/**
 * Makes an accepted fd a handle of Node's own class, which an unmodified `net.Server` treats as its
 * own. From then on Node owns the fd. The ledger is told just before Node closes it.
 */
export class Adoption {
  readonly #Handle: AdoptedHandleConstructor
  readonly #ledger: Ledger
  readonly #worker: number

  constructor(Base: StreamHandleConstructor, ledger: Ledger, worker: number) {
    this.#Handle = tellingOfClose(Base, ledger, worker)
    this.#ledger = ledger
    this.#worker = worker
  }

  /**
   * The first step: makes the connection this worker's, without a handle yet. @returns false if
   * another thread has the connection by now
   */
  claim(fd: number, stamp: number): boolean {
    return this.#ledger.adopt(fd, stamp, this.#worker)
  }

  /**
   * Does the same for a connection that this worker has accepted for itself. @returns its stamp, or
   * NO_STAMP if the ledger has no entry for it
   */
  claimPending(fd: number): number {
    return this.#ledger.adoptPending(this.#worker, fd, nowInMicroseconds())
  }

  /** Closes a claimed connection whose PROXY header was malformed or late. */
  abandon(fd: number, stamp: number): void {
    this.#ledger.counters.countBadHeader(this.#worker)
    this.#ledger.closed(fd, stamp, this.#worker)
    loadAddon().resetFd(fd)
  }

  /**
   * The second step: makes the handle. `noDelay` is the setting that the connection has inherited
   * from the listening socket.
   * @returns null if libuv refuses the fd, which is then closed
   */
  open(fd: number, stamp: number, onClosed: OnClosed | null, noDelay: boolean): StreamHandle | null {
    const handle = new this.#Handle(NEW_SOCKET)
    if (handle.take(fd, stamp, onClosed, noDelay) === 0) return handle
    // libuv refuses an fd that this loop already has: some code has closed it without telling. It
    // has to be closed here.
    handle.close()
    loadAddon().closeFd(fd)
    return null
  }
}

/**
 * The name of the method by which a handle is told that its connection no longer belongs to this
 * worker.
 */
export const LEFT: unique symbol = Symbol('left')

interface AdoptedHandle extends StreamHandle {
  /** Opens the handle on the fd. @returns libuv's error number, or 0 */
  take(fd: number, stamp: number, onClosed: OnClosed | null, noDelay: boolean): number
}

type AdoptedHandleConstructor = new (type: number) => AdoptedHandle

/**
 * Makes a subclass that tells the ledger of the close. It is a subclass so that `instanceof TCP` in
 * Node's code still holds. Node closes a connection through the handle's `close` (under TLS and
 * HTTP/2, too) or `reset`. Both close the fd before they return, so the ledger is told first:
 * afterwards the number may already be a new connection's.
 */
function tellingOfClose(Base: StreamHandleConstructor, ledger: Ledger, worker: number): AdoptedHandleConstructor {
  class Adopted extends Base {
    #fd = -1
    #stamp = 0
    #onClosed: OnClosed | null = null
    #noDelay = false

    take(fd: number, stamp: number, onClosed: OnClosed | null, noDelay: boolean): number {
      this.#noDelay = noDelay
      this.#fd = fd
      this.#stamp = stamp
      this.#onClosed = onClosed
      const error = super.open(fd)
      if (error !== 0) this.#onClosed = null
      // From here on Node closes the fd when the thread ends. If the thread ends just before, main
      // finds out whether the fd is open.
      if (error === 0) ledger.opened(fd, stamp, worker)
      return error
    }

    override close(callback?: () => void): void {
      this[LEFT]()
      super.close(callback)
    }

    override reset(callback?: () => void): number {
      this[LEFT]()
      return super.reset?.(callback) ?? 0
    }

    /**
     * Skips a call without effect, which saves a system call: each HTTP server sets TCP_NODELAY on
     * each connection, which has inherited it already.
     */
    override setNoDelay(on: boolean): number {
      if (on === this.#noDelay) return 0
      this.#noDelay = on
      return super.setNoDelay?.(on) ?? 0
    }

    [LEFT](): void {
      if (this.#fd === -1) return
      // The policy is told first, so that it never counts a connection as open that the ledger
      // counts as closed.
      this.#onClosed?.()
      this.#onClosed = null
      ledger.closed(this.#fd, this.#stamp, worker)
      this.#fd = -1
    }
  }
  hideClass(Adopted.prototype, Base.prototype)
  return Adopted
}
