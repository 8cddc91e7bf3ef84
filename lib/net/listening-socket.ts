import type { AddressInfo } from 'node:net'
import { NodeDlbError } from '../errors.ts'
import { type ListenerCounters, loadAddon, type NativeListener, type NativeListenSpec } from '../native.ts'
import { isHeldByChildren } from './child-processes.ts'

export interface ListenOptions {
  /** An IPv4 or IPv6 literal; null: `::`, or `0.0.0.0` on a machine without IPv6, as Node does. */
  readonly address: string | null
  /** 0: the kernel chooses. Of no meaning with a path. */
  readonly port: number
  /** Listen on a Unix socket instead; a leading `\0` names one in Linux's abstract namespace. */
  readonly path?: string
  readonly backlog: number
  readonly ipv6Only: boolean
  /** SO_REUSEPORT: other processes may listen there too. Default false. */
  readonly reusePort?: boolean
  /** Connections start with TCP_NODELAY set. Default true. */
  readonly noDelay?: boolean
  /** TCP_DEFER_ACCEPT, for a second: see BalancerOptions. Default false. */
  readonly deferAccept?: boolean
}

/**
 * The fds are the callee's from here on. The array is the listener's: what is in it after the call
 * is not kept.
 */
export type BatchCallback = (fds: Int32Array, count: number) => void

export interface ListenerFaults {
  /** So many connections were accepted and closed at once, for want of descriptors. */
  readonly onShed?: (count: number) => void
  /**
   * ERR_DLB_LISTEN: the listener accepts no more. Without a callback it is an uncaught exception.
   */
  readonly onError?: (error: NodeDlbError) => void
}

const BATCH = 64
const TAKEN = 1
const TOLD = 2
/**
 * What the kernel has a listening socket's backlog hold at most, unless it is told otherwise
 * (net.core.somaxconn).
 */
const MAX_BACKLOG = 4096

type AcceptedCallback = (count: number, shed: number, error: Error | undefined) => void

const hints: Record<string, string> = {
  EACCES: 'ports below 1024 need CAP_NET_BIND_SERVICE, and a path needs a directory that can be written to',
  EADDRINUSE: 'another server listens there, or the path exists',
  EADDRNOTAVAIL: 'no network interface of this machine has the address',
  EMFILE: 'raise the limit on open files (ulimit -n)',
  EINVAL: 'the address is not an IP address of a family that this machine has',
}

/**
 * A listening socket whose accepted connections arrive as batches of fds, up to 64, that no libuv
 * handle has touched.
 *
 * Main thread. Open, it keeps the loop alive, also while paused. What happens when the process runs
 * out of descriptors: native/acceptor.h.
 */
export class Listener {
  readonly id: number
  /** What `server.address()` gives. */
  readonly address: AddressInfo | string
  readonly #native: NativeListener

  /**
   * `id`: 0–65,535, the events' data16.
   * @throws ERR_DLB_LISTEN (its `cause` has `code`, `errno` and `syscall`),
   *   ERR_DLB_ADDON_UNAVAILABLE, ERR_DLB_INVALID_ARGUMENT
   */
  static open(id: number, options: ListenOptions, onBatch: BatchCallback, faults: ListenerFaults = {}): Listener {
    check('listener id', id, 0xffff)
    if (options.path === undefined) check('port', options.port, 0xffff)
    if (options.path === '') throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', 'path must not be empty')
    return new Listener(id, options, onBatch, faults)
  }

  private constructor(id: number, options: ListenOptions, onBatch: BatchCallback, faults: ListenerFaults) {
    const { onShed, onError = rethrow } = faults
    // The last element tells the addon that the rest is the callee's, and when the ledger knows of
    // it.
    const fds = new Int32Array(BATCH + 1)
    this.id = id
    this.#native = bind(options, fds, (count, shed, error) => {
      fds[BATCH] = TAKEN
      if (shed > 0) onShed?.(shed)
      if (error !== undefined) onError(stopped(where(options), error))
      if (count > 0) onBatch(fds, count)
      fds[BATCH] = TOLD
    })
    this.address = this.#native.address() as AddressInfo | string
  }

  /** For those who share the socket, while it is open. */
  get fd(): number {
    return this.#native.fd()
  }

  /** The kernel's backlog holds what arrives from here on. */
  pause(): void {
    this.#native.pause()
  }

  resume(): void {
    this.#native.resume()
  }

  /** Whether connections wait in the backlog. */
  get hasWaiting(): boolean {
    return this.#native.hasWaiting()
  }

  /**
   * Accepts what waits in the backlog, and closes. A client that comes while it does so may be
   * reset.
   */
  finish(): void {
    this.#native.resume()
    for (let left = MAX_BACKLOG; left > 0; left--) if (this.#native.accept() === -1) break
    this.close()
  }

  /**
   * No batch comes after it; what waits in the backlog is reset, and nobody accepts from it any
   * more, except a child process that was given the socket: to that it is left. A second call does
   * nothing.
   */
  close(): void {
    this.#native.close(!isHeldByChildren(this.fd))
  }

  /** As `close`, but those who share the socket go on. */
  leaveToOthers(): void {
    this.#native.close(false)
  }

  /**
   * Whether a descriptor, of which nothing is known, is an open connection accepted here: for what
   * `ledger.takeOwnedBy` returns. False once closed.
   */
  isConnection(fd: number): boolean {
    return this.#native.isConnection(fd)
  }

  /**
   * Of a Unix socket: whether its file is still there, and still its own. Nobody removes other
   * sockets from their addresses.
   */
  get isInPlace(): boolean {
    return this.#native.isInPlace()
  }

  /**
   * Of a Unix socket: whether its file is anywhere: apps rename it, to take the place of another at
   * once.
   */
  get hasFile(): boolean {
    return this.#native.hasFile()
  }

  /**
   * Of its file, which is gone, to the one of the socket that takes its place: as far as that is
   * allowed.
   */
  copyPermissionsTo(successor: Listener): void {
    this.#native.copyPermissionsTo(String(successor.address))
  }

  counters(): ListenerCounters {
    return this.#native.counters()
  }
}

function bind(options: ListenOptions, fds: Int32Array, onAccepted: AcceptedCallback): NativeListener {
  const { Listener: Native } = loadAddon()
  const { address, path = '', reusePort = false, noDelay = true, deferAccept = false } = options
  const spec: NativeListenSpec = { ...options, address: address ?? '::', path, reusePort, noDelay, deferAccept }
  try {
    try {
      return new Native(spec, fds, onAccepted)
    } catch (error) {
      if (address !== null || path !== '' || !lacksIpv6(error)) throw error
      return new Native({ ...spec, address: '0.0.0.0' }, fds, onAccepted)
    }
  } catch (error) {
    throw listenError(where(options), error)
  }
}

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
      if (error !== undefined) onError(stopped(SHARED, error))
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

/**
 * Node takes any failure to bind `::` for a machine without IPv6, except that the port is taken.
 */
function lacksIpv6(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException
  return code !== 'EADDRINUSE' && syscall !== 'listen'
}

function listenError(where: string, cause: unknown): NodeDlbError {
  const { code = '', message } = cause as NodeJS.ErrnoException
  const hint = hints[code] === undefined ? '' : ` (${hints[code]})`
  return new NodeDlbError('ERR_DLB_LISTEN', `cannot listen on ${where}: ${message}${hint}`, { cause })
}

function stopped(where: string, cause: Error): NodeDlbError {
  return new NodeDlbError('ERR_DLB_LISTEN', `stopped listening on ${where}: ${cause.message}`, { cause })
}

function where({ path, address, port }: ListenOptions): string {
  return path?.replace('\0', '@') ?? `${address ?? '*'} port ${port}`
}

function rethrow(error: Error): never {
  throw error
}

function check(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `${name} must be a whole number from 0 to ${max}, not ${value}`)
  }
}
