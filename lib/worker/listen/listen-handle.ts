import { ASYNC_ID, FRAME, HandleScope, TRIGGER } from '../connections/handle-scope.ts'
import { hideClass, NEW_SERVER, type StreamHandle, type StreamHandleConstructor } from '../node-handles.ts'

/** A server's side of a listener that the main thread owns. */
export interface ListenerMembership {
  /**
   * Connections are wanted from now on. @returns 0, or the negative errno of the bind or listen
   * that failed.
   */
  join(handle: ListenHandle, accept: Accept): number
  leave(): void
  /** An open server holds its worker's loop open, unless it is unref'd. */
  hold(held: boolean): void
}

/**
 * Makes a connection's handle, and gives it to the server, as Node's C++ does: in the listen
 * handle's async context.
 */
export type Accept = (make: () => StreamHandle | null) => void

/** What `net.Server` has for a listening handle. */
export interface ListenHandle extends StreamHandle {
  /** Node's own, that makes a socket of a connection. It sets it before it calls `listen`. */
  onconnection: (error: number, client: StreamHandle) => void
}

export type ListenHandleConstructor = new (membership: ListenerMembership) => ListenHandle

/** As libuv has them for a handle that listens, and is not connected. */
const EEXIST = -17
const EISCONN = -106
const ENOTCONN = -107
const EPIPE = -32

/**
 * What would have this thread's loop poll the socket, which all workers share, or would change it
 * for all, such as to a blocking one: it does nothing, and gives what libuv does.
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
 * Listen handles, of Node's own class: it has a descriptor of the listening socket, so that
 * whatever is asked of it, passes it on to another process, or waits for its close finds what it
 * finds without a balancer. But libuv never polls the socket in this thread: connections come from
 * the queue device.
 *
 * Node calls what is defined here; everything else, and `super`, is Node's.
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

    /** Again, when a second server is given the handle: it gets the connections from then on. */
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

    /** Not with the reset that Node's would set on the socket, and all its connections inherit. */
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
  // Also once it is closed: libuv would abort the process.
  for (const name of ['connect', 'connect6']) define(name, () => EISCONN)
  hideClass(Class.prototype, Base.prototype)
  return Class
}
