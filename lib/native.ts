import { createRequire } from 'node:module'
import { NodeDlbError } from './errors.ts'
import type { NativeDlb } from './native-dlb.ts'
import { packageFile } from './package-file.ts'

/**
 * The addon, native/addon.cc. Loaded at first use and not before, so that what needs no addon works
 * without it. It can be loaded in any thread; each has its own instance.
 */
export interface NativeAddon extends NativeDlb {
  readonly Listener: NativeListenerConstructor
  /** Closes a descriptor. @returns 0, or a negative errno as Node's errors have it. */
  closeFd(fd: number): number
  /** Another descriptor of the same open file. @returns it, or a negative errno */
  dupFd(fd: number): number
  /** As `closeFd`, but a TCP peer sees a reset, and unsent data is dropped. */
  resetFd(fd: number): number
  /** Sends what the socket takes at once, and ends the connection. */
  replyAndCloseFd(fd: number, data: Uint8Array): number
  /**
   * Copies what has arrived, and leaves it. @returns how many bytes; 0 at the end; a negative
   * errno, of EAGAIN if nothing has
   */
  peekFd(fd: number, to: Uint8Array): number
  /** Takes so many bytes that have arrived. @returns 0 or a negative errno */
  skipFd(fd: number, bytes: number): number
  /** How many bytes have arrived and are not read; 0 also if that cannot be known. */
  unreadOfFd(fd: number): number
  /**
   * Writes what the descriptor takes at once, and leaves it as blocking as it is. Up to 4,096 bytes
   * are written in one piece or not at all.
   * @returns how many bytes; a negative errno if none could be written
   */
  writeWithoutWaiting(fd: number, data: Uint8Array): number
  /** A number for the address of a connection's client; 0 if it has none. */
  clientOf(fd: number): number
  /**
   * Another descriptor of a listening socket of this process, the caller's to close. @returns a
   * negative errno if there is none
   */
  shareListening(fd: number): number
  /**
   * Should this thread end before `releaseLedger`, the addon closes what the ledger's entries say
   * is open and in nobody's handle, and what is in workers' hands: the first `room` of each
   * `stride` words. Both are in shared memory. @returns a number for `releaseLedger`
   */
  guardLedger(entries: Int32Array, hands: Int32Array, stride: number, room: number): number
  releaseLedger(guard: number): void
  /**
   * Has the callback called on this thread's loop when any thread asks for it. It does not keep the
   * loop alive, and closes with the thread. @returns its number, not 0 and never used again
   */
  openWaker(callback: () => void): number
  /**
   * Any thread; more often than the callback runs makes no difference, nor does the number of one
   * that is closed.
   */
  wake(waker: number): void
  /** One of this thread's. */
  closeWaker(waker: number): void
  /** The calling thread, for others who ask what it does. */
  thisThread(): NativeThread
  /**
   * CPU time that a thread of this process has used, in ms. Any thread may ask. @returns negative
   * if there is none of that number
   */
  threadCpu(thread: number): number
  /**
   * Whether a thread runs, could run if it had a core, or waits for events in its loop. Any other
   * thread may ask. @returns false also if the kernel does not tell
   */
  isReady(thread: number, pollFd: number): boolean
  /**
   * Every descriptor of this process is below it, as long as nobody raises RLIMIT_NOFILE. May be
   * Infinity.
   */
  fdLimit(): number
}

export interface NativeThread {
  /** The kernel's. */
  readonly number: number
  /** The epoll set of the thread's loop. */
  readonly pollFd: number
}

/** What to listen on: an address literal and a port, or a path (`path` not empty). */
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
   * @param spec an `fd`: a listening socket of this process, to share; `fds` is empty, and the
   *   callback calls `accept`, or `acceptInto` if it is exclusive: then one of those that share it
   *   so is called for a connection, the others sleep.
   * @param fds room for a batch of up to 64, and one element more, which the callback sets to 1
   *   once it has them, and to 2 once it knows what becomes of them, should this thread end.
   * @throws an Error as Node's system errors: `code`, `errno`, `syscall`.
   */
  new (
    spec: NativeListenSpec | { readonly fd: number; readonly exclusive: boolean },
    fds: Int32Array,
    callback: (count: number, shed: number, error: Error | undefined) => void,
  ): NativeListener
}

export interface NativeListener {
  /**
   * Of a shared socket, in the callback: a descriptor, or -1. Else hands on a batch of one; -1 if
   * there is none. Its complement (`~fd`) is in `place`, which may be in shared memory, before JS
   * goes on.
   */
  accept(place?: Int32Array): number
  /**
   * Of a shared socket: accepts as many as there are, up to `room`, and writes the complement
   * (`~fd`) of each descriptor into `places` from its front on, which may be in shared memory.
   * @returns how many; a negative errno if none can be had for another reason than that there are
   * none
   */
  acceptInto(places: Int32Array, room: number): number
  pause(): void
  resume(): void
  /** Whether it keeps the loop alive; at first it does. */
  hold(held: boolean): void
  /**
   * `everywhere`: nobody accepts from the socket any more, whoever shares it, and nobody can
   * connect.
   */
  close(everywhere: boolean): void
  /** -1 once closed. */
  fd(): number
  address(): { address: string; family: string; port: number } | string | undefined
  /** Whether a Unix socket's file is there, and its own; true for others. */
  isInPlace(): boolean
  /** Whether a Unix socket's file is anywhere, also by another name; true for others. */
  hasFile(): boolean
  /**
   * The owner and permissions of its file, also if that is removed. What is not allowed is left.
   */
  copyPermissionsTo(path: string): void
  /** Whether there is something to accept. */
  hasWaiting(): boolean
  isConnection(fd: number): boolean
  counters(): ListenerCounters
}

export interface ListenerCounters {
  /** Connections handed on. */
  readonly accepted: number
  /** Connections accepted and closed at once, since the process had no descriptors left. */
  readonly shed: number
  /** Connections that were gone before they could be accepted. */
  readonly aborted: number
  /** Times that accepting waited because descriptors or memory had run out. */
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

/** Where it is. @throws ERR_DLB_ADDON_UNAVAILABLE */
export function addonFile(): string {
  loadAddon()
  return file as string
}

/**
 * Where another thread of the process has found it: the search takes longer than loading it, once
 * one thread has.
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
    'Node was told to load no native addons, by --no-addons or --permission (on its command line or in NODE_OPTIONS): ' +
    'start it without that, or with --allow-addons beside --permission; node-dlb accepts connections in its addon'
  return new NodeDlbError('ERR_DLB_ADDON_UNAVAILABLE', message, { cause })
}

function findAddon(): string {
  return (require('node-gyp-build') as { resolve(root: string): string }).resolve(packageFile('.'))
}
