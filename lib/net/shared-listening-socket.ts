import { loadAddon, type NativeListener } from '../native.ts'
import { type ListenerFaults, listenError, rethrow, stoppedError } from './listen-errors.ts'

/**
 * Another thread's listening socket, shared: each accepts what it gets, one connection at a time,
 * and only while JS runs to have it. It does not keep the loop alive.
 */
export class SharedListener {
  readonly #native: NativeListener

  /**
   * `place`: has the complement (`~fd`) of what is accepted before this thread goes on, or is
   * terminated.
   * @throws ERR_DLB_LISTEN; its `cause` is EBADF if the socket is closed by now.
   */
  constructor(
    fd: number,
    place: Int32Array,
    onConnection: (fd: number) => void,
    { onShed, onError = rethrow }: ListenerFaults = {},
  ) {
    this.#native = share(fd, false, (shed, error) => {
      if (shed > 0) onShed?.(shed)
      if (error !== undefined) onError(stoppedError(SHARED, error))
      if (shed > 0 || error !== undefined) return
      const accepted = this.#native.accept(place)
      if (accepted !== -1) onConnection(accepted)
    })
  }

  close(): void {
    this.#native.close(false)
  }
}

/**
 * Another thread's listening socket, shared: this thread accepts from it when it likes, and can be
 * told when there is something to accept. Of the threads that watch it, one is told of a
 * connection: the first that sleeps. It does not keep the loop alive.
 */
export class WatchedSocket {
  readonly #native: NativeListener

  /** @throws ERR_DLB_LISTEN; its `cause` is EBADF if the socket is closed by now. */
  constructor(fd: number, onReadable: () => void) {
    this.#native = share(fd, true, (_, error) => {
      // An error: whoever it belongs to has shut it down.
      if (error === undefined) onReadable()
    })
    this.#native.pause()
  }

  /** From now on `onReadable` is called while connections wait, or not any more. */
  watch(on: boolean): void {
    if (on) this.#native.resume()
    else this.#native.pause()
  }

  /** Watched or not: see NativeListener. */
  acceptInto(places: Int32Array, room = places.length): number {
    return this.#native.acceptInto(places, room)
  }

  close(): void {
    this.#native.close(false)
  }
}

const SHARED = 'a socket of the main thread'

/** It does not hold the loop. @throws ERR_DLB_LISTEN */
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
