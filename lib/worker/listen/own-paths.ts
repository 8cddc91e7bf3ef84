import fs from 'node:fs'
import net from 'node:net'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

type Call = (this: unknown, ...args: unknown[]) => unknown

/**
 * Keeps workers from taking each other for other processes on Unix sockets. Servers on such sockets
 * start and end in ways that are made for one process: they connect to the path and give up if
 * somebody answers; they remove the file that a crash has left; some remove it when they end. Here
 * it is another worker that answers, and all workers listen on the file. To make this look like a
 * single thread:
 *
 * - Until this worker listens somewhere, its first connection to a path on which other workers
 *   listen is refused.
 * - A file on which other workers listen stays when this worker removes it before it listens
 *   anywhere, or after it has listened there itself. Main removes a file that a crash has left, for
 *   all workers.
 *
 * Main puts back a file that is removed in other ways (SocketFiles in
 * lib/balancer/listeners/socket-files.ts).
 */
export class OwnPaths {
  readonly #isOurs: (path: string, remove: boolean) => boolean
  readonly #refused = new Set<string>()
  /** The paths on which this worker has listened. */
  readonly #own = new Set<string>()
  #starting = true
  #restoreConnect: (() => void) | null = null

  /** @param isOurs asks the main thread (see PathRequest) */
  constructor(isOurs: (path: string, remove: boolean) => boolean) {
    this.#isOurs = isOurs
  }

  /**
   * Installs the hooks for the whole thread. It has to run before the app imports anything by name.
   */
  install(): void {
    this.#hookConnect()
    this.#hookRemoval(fs, 'unlinkSync', () => undefined)
    this.#hookRemoval(fs, 'rmSync', () => undefined)
    this.#hookRemoval(fs, 'unlink', callBack)
    this.#hookRemoval(fs, 'rm', callBack)
    this.#hookRemoval(fs.promises, 'unlink', async () => undefined)
    this.#hookRemoval(fs.promises, 'rm', async () => undefined)
  }

  /** Called when a server of this worker listens, on a path if there is one. */
  listens(path: string | null): void {
    if (path !== null) this.#own.add(resolve(path))
    this.#starting = false
    this.#restoreConnect?.()
    this.#restoreConnect = null
  }

  #hookConnect(): void {
    const own = this
    const { prototype } = net.Socket
    const { connect } = prototype
    const hooked = function (this: net.Socket, ...args: unknown[]): net.Socket {
      const path = targetOf(args[0])
      if (path !== undefined && !own.#refused.has(path)) own.#refuseOnce(this, path)
      return Reflect.apply(connect as Call, this, args) as net.Socket
    }
    prototype.connect = hooked as typeof connect
    this.#restoreConnect = () => {
      if (prototype.connect === hooked) prototype.connect = connect
    }
  }

  /**
   * Refuses the connection once the socket is connected. Until then the file may be one that a
   * crash has left, or other workers may begin to listen there.
   */
  #refuseOnce(socket: net.Socket, path: string): void {
    const { emit } = socket
    socket.emit = (event: string | symbol, ...args: unknown[]): boolean => {
      if (event === 'connect' && this.#starting && this.#isOurs(path, false)) {
        this.#refused.add(path)
        socket.destroy(refusal(path))
      }
      if ((event === 'connect' || event === 'ready') && this.#refused.has(path)) return true
      if (event === 'connect' || event === 'close') socket.emit = emit
      return Reflect.apply(emit as Call, socket, [event, ...args]) as boolean
    }
  }

  #hookRemoval<T extends object>(of: T, name: keyof T, done: Call): void {
    const original = of[name] as Call
    const own = this
    const hooked = function (this: unknown, ...args: unknown[]): unknown {
      return Reflect.apply(own.#isDone(args[0]) ? done : original, this, args)
    }
    of[name] = Object.defineProperties(hooked, {
      name: { value: original.name },
      length: { value: original.length },
    }) as T[keyof T]
  }

  #isDone(target: unknown): boolean {
    if (!this.#starting && this.#own.size === 0) return false
    const path = target instanceof URL && target.protocol === 'file:' ? fileURLToPath(target) : target
    if (typeof path !== 'string') return false
    if (!this.#starting) return this.#own.has(resolve(path)) && this.#isOurs(path, false)
    return isSocketOrGone(path) && this.#isOurs(path, true)
  }
}

function isSocketOrGone(path: string): boolean {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? true
  } catch {
    // The code that removes the file gets the error.
    return false
  }
}

/** Calls the callback, which is the last argument. */
function callBack(...args: unknown[]): void {
  process.nextTick(args.at(-1) as () => void, null)
}

/**
 * The path in the first argument of `connect`. Node itself passes an array of what it was called
 * with.
 */
function targetOf(target: unknown): string | undefined {
  const first: unknown = Array.isArray(target) ? target[0] : target
  if (typeof first === 'string') return Number.isNaN(Number(first)) ? first : undefined
  const path = (first as { path?: unknown } | null | undefined)?.path
  return typeof path === 'string' ? path : undefined
}

function refusal(address: string): Error {
  const properties = { errno: -111, code: 'ECONNREFUSED', syscall: 'connect', address }
  return Object.assign(new Error(`connect ECONNREFUSED ${address}`), properties)
}
