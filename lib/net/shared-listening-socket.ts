import { loadAddon, type NativeListener } from '../native.ts'
import { type ListenerFaults, listenError, rethrow, stoppedError } from './listen-errors.ts'

/**
 * Another thread's listening socket, from which this thread accepts as well, one connection at a
 * time, as it is told of each. It does not keep the loop alive.
 */
export class SharedSocket {
  readonly #native: NativeListener

  /**
   * @param complement one word of shared memory. It gets the complement (`~fd`) of each descriptor
   *   before JS continues, so that the descriptor is known even if this thread is terminated.
   * @throws ERR_DLB_LISTEN; its `cause` is EBADF if the socket is closed by now.
   */
  constructor(
    fd: number,
    complement: Int32Array,
    onConnection: (fd: number) => void,
    { onShed, onError = rethrow }: ListenerFaults = {},
  ) {
    this.#native = share(fd, false, (shed, error) => {
      if (shed > 0) onShed?.(shed)
      if (error !== undefined) onError(stoppedError(SHARED, error))
      if (shed > 0 || error !== undefined) return
      const accepted = this.#native.accept(complement)
      if (accepted !== -1) onConnection(accepted)
    })
  }

  close(): void {
    this.#native.close(false)
  }
}

/**
 * Another thread's listening socket, from which this thread accepts when it calls `acceptInto`. It
 * can be told when connections wait. When a connection comes, the kernel wakes one of the threads
 * that watch the socket: the first that sleeps. The object does not keep the loop alive.
 */
export class WatchedSocket {
  readonly #native: NativeListener

  /** @throws ERR_DLB_LISTEN; its `cause` is EBADF if the socket is closed by now. */
  constructor(fd: number, onReadable: () => void) {
    this.#native = share(fd, true, (_, error) => {
      // After an error there is nothing to accept: the thread that owns the socket has shut it
      // down.
      if (error === undefined) onReadable()
    })
    this.#native.pause()
  }

  /** Sets whether `onReadable` is called while connections wait. */
  watch(on: boolean): void {
    if (on) this.#native.resume()
    else this.#native.pause()
  }

  /** See NativeListener. The socket need not be watched. */
  acceptInto(complements: Int32Array, max = complements.length): number {
    return this.#native.acceptInto(complements, max)
  }

  close(): void {
    this.#native.close(false)
  }
}

const SHARED = 'a socket of the main thread'

/** Shares the socket without keeping the loop alive. @throws ERR_DLB_LISTEN */
function share(
  fd: number,
  exclusive: boolean,
  callback: (shed: number, error: Error | undefined) => void,
): NativeListener {
  const { Listener: Native } = loadAddon()
  try {
    const native = new Native({ fd, exclusive }, new Int32Array(0), (_, shed, error) => callback(shed, error))
    native.hold(false)
    return native
  } catch (error) {
    throw listenError(SHARED, error)
  }
}
