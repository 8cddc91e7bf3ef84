import { createRequire } from 'node:module'
import { NodeDlbError } from './errors.ts'
import type { NativeDlb } from './native-dlb.ts'
import { packageFile } from './package-file.ts'

/**
 * The addon, native/addon.cc. It is loaded at its first use, so that what needs no addon works
 * without it. Any thread can load it; each thread has its own instance.
 */
export interface NativeAddon extends NativeDlb {
  readonly Listener: NativeListenerConstructor
  /** Closes a descriptor. @returns 0, or a negative errno as Node's errors have it */
  closeFd(fd: number): number
  /** Duplicates a descriptor. @returns the new one, or a negative errno */
  dupFd(fd: number): number
  /** Closes a descriptor so that a TCP peer sees a reset, and unsent data is dropped. */
  resetFd(fd: number): number
  /** Sends as much as the socket takes at once, and ends the connection. */
  replyAndCloseFd(fd: number, data: Uint8Array): number
  /**
   * Copies the bytes that have arrived, and leaves them unread.
   * @returns how many bytes; 0 at the end; a negative errno, which is EAGAIN if nothing has arrived
   */
  peekFd(fd: number, to: Uint8Array): number
  /** Reads and drops `bytes` bytes that have arrived. @returns 0 or a negative errno */
  skipFd(fd: number, bytes: number): number
  /** How many bytes have arrived and are unread; 0 also if that cannot be known. */
  unreadOfFd(fd: number): number
  /**
   * Writes as much as the descriptor takes at once, and does not change whether it blocks. Up to
   * 4,096 bytes are written in one piece or not at all.
   * @returns how many bytes; a negative errno if none could be written
   */
  writeWithoutWaiting(fd: number, data: Uint8Array): number
  /** A number for the address of a connection's client; 0 if it has no address. */
  clientOf(fd: number): number
  /**
   * Duplicates a descriptor of a listening socket of this process; the caller closes the new one.
   * @returns a negative errno if there is no such socket
   */
  shareListening(fd: number): number
  /**
   * If this thread ends before `releaseLedger`, the addon closes the descriptors that the ledger's
   * entries show as open and in no handle, and the descriptors that are pending at workers: the
   * first `length` of each `stride` words of `pending` (AcceptMode). Both arrays are in shared
   * memory.
   * @returns a number for `releaseLedger`
   */
  guardLedger(entries: Int32Array, pending: Int32Array, stride: number, length: number): number
  releaseLedger(guard: number): void
  /**
   * Opens a waker: its callback is called on this thread's loop when any thread calls `wake`. A
   * waker does not keep the loop alive, and closes with the thread.
   * @returns its number, which is not 0 and never used again
   */
  openWaker(callback: () => void): number
  /**
   * Wakes a waker, from any thread. Calls that come before the callback has run count as one, and
   * the number of a closed waker does nothing.
   */
  wake(waker: number): void
  /** Closes one of this thread's wakers. */
  closeWaker(waker: number): void
  /** Identifies the calling thread to others that ask what it does. */
  thisThread(): NativeThread
  /**
   * The CPU time that a thread of this process has used, in ms. Any thread can ask.
   * @returns a negative number if there is no such thread
   */
  threadCpu(thread: number): number
  /**
   * Whether a thread runs, is ready to run, or waits for events in its loop. Any other thread can
   * ask.
   * @returns false also if the kernel does not tell
   */
  isReady(thread: number, pollFd: number): boolean
  /**
   * A number that is greater than every descriptor of this process, as long as nobody raises
   * RLIMIT_NOFILE. It may be Infinity.
   */
  fdLimit(): number
}

export interface NativeThread {
  /** The kernel's thread id. */
  readonly number: number
  /** The epoll set of the thread's loop. */
  readonly pollFd: number
}

/** What to listen on: an IP address and a port, or a path if `path` is not empty. */
export interface NativeListenSpec {
  address: string
  port: number
  path: string
  backlog: number
  ipv6Only: boolean
  reusePort: boolean
  noDelay: boolean
  deferAccept: boolean
}

export interface NativeListenerConstructor {
  /**
   * @param spec what to listen on; or, with `fd`, a listening socket of this process to share. For
   *   a shared socket, `fds` is empty, and the callback calls `accept`, or `acceptInto` if the
   *   sharing is exclusive. Only one of the threads that share a socket exclusively is called for
   *   each connection, and the others sleep.
   * @param fds has space for a batch of up to 64 descriptors, and one more element. The callback
   *   sets that element to 1 once it has taken the descriptors, and to 2 once they are not lost if
   *   this thread ends.
   * @throws an Error such as Node's system errors: `code`, `errno`, `syscall`
   */
  new (
    spec: NativeListenSpec | { readonly fd: number; readonly exclusive: boolean },
    fds: Int32Array,
    callback: (count: number, shed: number, error: Error | undefined) => void,
  ): NativeListener
}

export interface NativeListener {
  /**
   * Accepts one connection. A shared socket returns the connection's descriptor, and may be called
   * only in the callback; other sockets pass it to the callback as a batch of one. `complement` may
   * be in shared memory. The addon writes the descriptor's complement (`~fd`) there before it
   * returns, so that the descriptor is known even if this thread is terminated.
   * @returns -1 if there is no connection
   */
  accept(complement?: Int32Array): number
  /**
   * Accepts the connections that wait at a shared socket, at most `max` of them, and writes the
   * complement (`~fd`) of each descriptor into `complements`, from the first element on.
   * `complements` may be in shared memory.
   * @returns the number of connections; a negative errno if accepting failed for another reason
   *   than that there are none
   */
  acceptInto(complements: Int32Array, max: number): number
  pause(): void
  resume(): void
  /** Sets whether the listener keeps the loop alive. At first it does. */
  hold(held: boolean): void
  /**
   * Closes the listener. With `everywhere`, it also shuts the socket down: the threads that share
   * it stop accepting, and clients cannot connect.
   */
  close(everywhere: boolean): void
  /** The descriptor; -1 once closed. */
  fd(): number
  address(): { address: string; family: string; port: number } | string | undefined
  /**
   * Whether a Unix socket's file exists under the socket's name and belongs to this socket; true
   * for other sockets.
   */
  isInPlace(): boolean
  /** Whether a Unix socket's file exists under any name; true for other sockets. */
  hasFile(): boolean
  /**
   * Gives a file the owner and permissions of this socket's file, even if that was removed. Changes
   * that the process may not make are skipped.
   */
  copyPermissionsTo(path: string): void
  /** Whether a connection waits to be accepted. */
  hasWaiting(): boolean
  isConnection(fd: number): boolean
  counters(): ListenerCounters
}

export interface ListenerCounters {
  /** Connections passed to the callback or returned. */
  readonly accepted: number
  /** Connections accepted and closed at once because the process had no descriptors left. */
  readonly shed: number
  /** Connections that were gone before they could be accepted. */
  readonly aborted: number
  /** How often accepting waited because descriptors or memory had run out. */
  readonly backoffs: number
}

const require = createRequire(import.meta.url)
let addon: NativeAddon | undefined
let file: string | undefined

/** @throws ERR_DLB_ADDON_UNAVAILABLE */
export function loadAddon(): NativeAddon {
  addon ??= load()
  return addon
}

/** The addon's file. @throws ERR_DLB_ADDON_UNAVAILABLE */
export function addonFile(): string {
  loadAddon()
  return file as string
}

/**
 * Sets the addon's file, which another thread of the process has found. The search takes longer
 * than loading an addon that another thread has loaded already.
 */
export function setAddonFile(found: string): void {
  file = found
}

function load(): NativeAddon {
  if (process.platform !== 'linux') {
    throw new NodeDlbError('ERR_DLB_ADDON_UNAVAILABLE', `the native addon runs on Linux, not on ${process.platform}`)
  }
  try {
    file ??= findAddon()
    return require(file) as NativeAddon
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED') throw switchedOff(cause)
    throw new NodeDlbError(
      'ERR_DLB_ADDON_UNAVAILABLE',
      'the native addon is not built, or was built for another system: run `npm run build:addon` in the package, ' +
        `which needs a C++17 compiler, make and python3 (${cause instanceof Error ? cause.message.trim() : cause})`,
      { cause },
    )
  }
}

function switchedOff(cause: unknown): NodeDlbError {
  const message =
    'Node was told to load no native addons, by --no-addons or --permission ' +
    '(on its command line or in NODE_OPTIONS): start it without that, or with --allow-addons beside --permission; ' +
    'node-dlb accepts connections in its addon'
  return new NodeDlbError('ERR_DLB_ADDON_UNAVAILABLE', message, { cause })
}

function findAddon(): string {
  return (require('node-gyp-build') as { resolve(root: string): string }).resolve(packageFile('.'))
}
