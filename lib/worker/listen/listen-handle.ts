import { ASYNC_ID, FRAME, HandleScope, TRIGGER } from '../connections/handle-scope.ts'
import { hideClass, NEW_SERVER, type StreamHandle, type StreamHandleConstructor } from '../node-handles.ts'

/** A server's membership in a listener of the main thread. */
export interface ListenerMembership {
  /**
   * Asks for connections from now on.
   * @returns 0, or the negative errno of the bind or listen that failed
   */
  join(handle: ListenHandle, accept: Accept): number
  leave(): void
  /**
   * Sets whether the server keeps its worker's loop alive. An open server does, unless it is
   * unref'd.
   */
  hold(held: boolean): void
}

/**
 * Makes a connection's handle and gives it to the server, as Node's C++ does: in the listen
 * handle's async context.
 */
export type Accept = (make: () => StreamHandle | null) => void

/** The parts of a listening handle that `net.Server` uses. */
export interface ListenHandle extends StreamHandle {
  /**
   * Node's own callback, which makes a socket of a connection. Node sets it before it calls
   * `listen`.
   */
  onconnection: (error: number, client: StreamHandle) => void
}

export type ListenHandleConstructor = new (membership: ListenerMembership) => ListenHandle

/** The values that libuv has for a handle that listens and is not connected. */
const EEXIST = -17
const EISCONN = -106
const ENOTCONN = -107
const EPIPE = -32

/**
 * Methods that do nothing here and return what libuv returns. Otherwise they would make this
 * thread's loop poll the socket, which all workers share, or would change the socket for all
 * workers, for example to a blocking one.
 */
const refused: Readonly<Record<string, number>> = {
  readStart: ENOTCONN,
  shutdown: ENOTCONN,
  writev: EPIPE,
  writeBuffer: EPIPE,
  writeAsciiString: EPIPE,
  writeUtf8String: EPIPE,
  writeUcs2String: EPIPE,
  writeLatin1String: EPIPE,
  setBlocking: 0,
}

/**
 * Makes listen handles of Node's own class. Such a handle has a descriptor of the listening socket,
 * so that code which asks for the descriptor, passes it to another process, or waits for its close
 * works as without a balancer. But libuv never polls the socket in this thread: connections come
 * from the queue device.
 *
 * Node calls the methods that are defined here. All others, and `super`, are Node's.
 */
export function listenHandleClass(Base: StreamHandleConstructor): ListenHandleConstructor {
  class Listening extends Base {
    declare onconnection: ListenHandle['onconnection']
    readonly #membership: ListenerMembership
    readonly #scope: HandleScope = new HandleScope(this)
    #joined = false
    #open = true
    #held = true

    constructor(membership: ListenerMembership) {
      super(NEW_SERVER)
      this.#membership = membership
    }

    override open(fd: number): number {
      return this.#open && fd === this.fd ? EEXIST : super.open(fd)
    }

    get [ASYNC_ID](): number {
      return this.getAsyncId()
    }

    get [TRIGGER](): number {
      return this.#scope.trigger
    }

    get [FRAME](): unknown {
      return this.#scope.enterFrame()
    }

    /**
     * Node calls this again when a second server is given the handle. From then on that server gets
     * the connections.
     */
    override listen(backlog: number): number {
      if (!this.#open) return super.listen(backlog)
      if (this.#joined) return 0
      const error = this.#membership.join(this, (make) => this.#accept(make))
      this.#joined = error === 0
      if (this.#joined) this.#membership.hold(this.#held)
      return error
    }

    override close(callback?: () => void): void {
      this.#leave()
      super.close(callback)
    }

    /**
     * Node's own method would set the socket to reset on close, and all its connections would
     * inherit that.
     */
    override reset(callback?: () => void): number {
      this.close(callback)
      return 0
    }

    override ref(): void {
      super.ref()
      this.#hold(true)
    }

    override unref(): void {
      super.unref()
      this.#hold(false)
    }

    #accept(make: () => StreamHandle | null): void {
      this.#scope.run(make, (client) => this.onconnection(0, client))
    }

    #hold(held: boolean): void {
      this.#held = held
      if (this.#joined && this.#open) this.#membership.hold(held)
    }

    #leave(): void {
      if (!this.#open) return
      this.#open = false
      this.#membership.hold(false)
      this.#membership.leave()
    }
  }
  return likeBase(Listening, Base)
}

function likeBase(Class: ListenHandleConstructor, Base: StreamHandleConstructor): ListenHandleConstructor {
  const prototype = Base.prototype as unknown as Record<string, (...args: unknown[]) => number>
  const define = (name: string, value: (...args: unknown[]) => number): void => {
    if (name in prototype) Object.defineProperty(Class.prototype, name, { value, writable: true, configurable: true })
  }
  for (const [name, result] of Object.entries(refused)) {
    define(name, function (this: StreamHandle, ...args) {
      return this.fd < 0 ? prototype[name].apply(this, args) : result
    })
  }
  // libuv would abort the process if the handle were closed already.
  for (const name of ['connect', 'connect6']) define(name, () => EISCONN)
  hideClass(Class.prototype, Base.prototype)
  return Class
}
