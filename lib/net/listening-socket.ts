import type { AddressInfo } from 'node:net'
import { NodeDlbError } from '../errors.ts'
import { type ListenerCounters, loadAddon, type NativeListener, type NativeListenSpec } from '../native.ts'
import { isHeldByChildren } from './child-processes.ts'
import { type ListenerFaults, listenError, rethrow, stoppedError } from './listen-errors.ts'

export interface ListenOptions {
  /**
   * An IPv4 or IPv6 literal. null stands for `::`, or for `0.0.0.0` on a machine without IPv6, as
   * in Node.
   */
  readonly address: string | null
  /** 0: the kernel chooses. With `path`, the port has no meaning. */
  readonly port: number
  /** Listen on a Unix socket instead; a leading `\0` names one in Linux's abstract namespace. */
  readonly path?: string
  readonly backlog: number
  readonly ipv6Only: boolean
  /** SO_REUSEPORT: other processes may listen there too. Default false. */
  readonly reusePort?: boolean
  /** Connections start with TCP_NODELAY set. Default true. */
  readonly noDelay?: boolean
  /** TCP_DEFER_ACCEPT, for one second: see BalancerOptions. Default false. */
  readonly deferAccept?: boolean
}

/**
 * Receives the first `count` elements of `fds`. The callee owns these descriptors. The listener
 * owns the array, and writes to it again after the call.
 */
export type BatchCallback = (fds: Int32Array, count: number) => void

const BATCH = 64
const TAKEN = 1
const TOLD = 2
/** The longest backlog that the kernel allows by default (net.core.somaxconn). */
const MAX_BACKLOG = 4096

type AcceptedCallback = (count: number, shed: number, error: Error | undefined) => void

/**
 * A listening socket whose accepted connections arrive as batches of up to 64 fds that no libuv
 * handle has touched.
 *
 * Main thread. While it is open, it keeps the loop alive, even when it is paused. native/acceptor.h
 * says what happens when the process runs out of descriptors.
 */
export class ListeningSocket {
  readonly id: number
  /** What `server.address()` gives. */
  readonly address: AddressInfo | string
  readonly #native: NativeListener

  /**
   * @param id 0–65,535, the events' data16
   * @throws ERR_DLB_LISTEN (its `cause` has `code`, `errno` and `syscall`),
   *   ERR_DLB_ADDON_UNAVAILABLE, ERR_DLB_INVALID_ARGUMENT
   */
  static open(
    id: number,
    options: ListenOptions,
    onBatch: BatchCallback,
    faults: ListenerFaults = {},
  ): ListeningSocket {
    check('listener id', id, 0xffff)
    if (options.path === undefined) check('port', options.port, 0xffff)
    if (options.path === '') throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', 'path must not be empty')
    return new ListeningSocket(id, options, onBatch, faults)
  }

  private constructor(id: number, options: ListenOptions, onBatch: BatchCallback, faults: ListenerFaults) {
    const { onShed, onError = rethrow } = faults
    // By the last element the addon learns that the callee owns the descriptors, and when the
    // ledger has them.
    const fds = new Int32Array(BATCH + 1)
    this.id = id
    this.#native = bind(options, fds, (count, shed, error) => {
      fds[BATCH] = TAKEN
      if (shed > 0) onShed?.(shed)
      if (error !== undefined) onError(stoppedError(where(options), error))
      if (count > 0) onBatch(fds, count)
      fds[BATCH] = TOLD
    })
    this.address = this.#native.address() as AddressInfo | string
  }

  /** The descriptor, for threads that share the socket while it is open. */
  get fd(): number {
    return this.#native.fd()
  }

  /** Stops accepting: the kernel's backlog holds what arrives from here on. */
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
   * Accepts what waits in the backlog, and closes the socket. A client that connects meanwhile may
   * be reset.
   */
  acceptRestAndClose(): void {
    this.#native.resume()
    for (let left = MAX_BACKLOG; left > 0; left--) if (this.#native.accept() === -1) break
    this.close()
  }

  /**
   * Closes the socket. No batch comes afterwards. Connections that wait in the backlog are reset,
   * and other threads that share the socket stop accepting. If a child process has the socket, it
   * stays open there. A second call does nothing.
   */
  close(): void {
    this.#native.close(!isHeldByChildren(this.fd))
  }

  /** Closes the socket here; threads that share it go on. */
  leaveToOthers(): void {
    this.#native.close(false)
  }

  /**
   * Whether a descriptor of unknown origin is an open connection that was accepted here. The
   * ledger's recovery asks this about the descriptors that it finds. False once the listener is
   * closed.
   */
  isConnection(fd: number): boolean {
    return this.#native.isConnection(fd)
  }

  /**
   * For a Unix socket: whether its file still exists under its name and belongs to it. Always true
   * for TCP, whose addresses nobody else can take away.
   */
  get isInPlace(): boolean {
    return this.#native.isInPlace()
  }

  /**
   * For a Unix socket: whether its file exists under any name. Some apps rename the file, so that
   * it replaces another one atomically.
   */
  get hasFile(): boolean {
    return this.#native.hasFile()
  }

  /**
   * Gives the successor's file the permissions that this socket's file had, where the process is
   * allowed to.
   */
  copyPermissionsTo(successor: ListeningSocket): void {
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
 * Node treats every failure to bind `::`, except a port that is taken, as a machine without IPv6.
 */
function lacksIpv6(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException
  return code !== 'EADDRINUSE' && syscall !== 'listen'
}

function where({ path, address, port }: ListenOptions): string {
  return path?.replace('\0', '@') ?? `${address ?? '*'} port ${port}`
}

function check(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `${name} must be a whole number from 0 to ${max}, not ${value}`)
  }
}
