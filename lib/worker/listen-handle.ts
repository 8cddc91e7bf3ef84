import fs from 'node:fs'
import type { StreamHandle, StreamHandleConstructor } from './node-handles.ts'

/** What `server.address()` gives: of an IP socket, or a Unix socket's path. */
export type BoundAddress = { readonly address: string; readonly family: string; readonly port: number } | string

/** A server's side of a listener that the main thread owns. */
export interface ListenerMembership {
  readonly address: BoundAddress
  /** Connections are wanted from now on. @returns 0, or the negative errno of the bind or listen that failed. */
  join(handle: ListenHandle): number
  leave(): void
  /** An open server holds its worker's loop open, unless it is unref'd. */
  hold(held: boolean): void
}

/** What `net.Server` expects of a listening handle, and sets on it. */
export interface ListenHandle {
  onconnection: (error: number, client: StreamHandle) => void
  listen(backlog: number): number
  close(callback?: () => void): void
  ref(): void
  unref(): void
  hasRef(): boolean
  getsockname(out: object): number
  fchmod(mode: number): number
}

/** libuv's UV_READABLE and UV_WRITABLE, as `fchmod` takes them, and the permissions that they ask for. */
const READABLE = 1
const WRITABLE = 2
const ALL_READ = 0o444
const ALL_WRITE = 0o222

/**
 * A listen handle without a kernel socket, of Node's class by prototype only: no method of that prototype may be
 * reached, since there is no native object behind it. So everything that Node calls is defined here.
 */
export function createListenHandle(Base: StreamHandleConstructor, membership: ListenerMembership): ListenHandle {
  let open = true
  let held = true
  const hold = (value: boolean): void => {
    if (open) membership.hold(value)
    held = value
  }
  const { address } = membership
  const own = {
    // Read by users' logs at most; there is no fd in this thread.
    fd: -1,
    // Node then numbers the server itself.
    getAsyncId: undefined,
    // As for Node's pipes: server.address() gives the path then.
    getsockname: typeof address === 'string' ? undefined : (out: object) => Object.assign(out, address) && 0,
    listen(this: ListenHandle) {
      const error = membership.join(this)
      if (error === 0) membership.hold(held)
      else open = false
      return error
    },
    close(this: ListenHandle, callback?: () => void) {
      if (open) {
        membership.hold(false)
        membership.leave()
      }
      open = false
      // Node's handles call back on a later turn of the loop.
      if (callback) setImmediate(() => callback.call(this))
    },
    ref: () => hold(true),
    unref: () => hold(false),
    hasRef: () => open && held,
    fchmod: (mode: number) => addPermissions(String(address), mode),
  }
  // Defined, not assigned: the prototype has accessors by some of these names.
  return Object.create(Base.prototype, Object.getOwnPropertyDescriptors(own))
}

/** As uv_pipe_chmod: adds to the file's permissions. @returns 0 or a negative errno. */
function addPermissions(path: string, mode: number): number {
  const added = (mode & READABLE ? ALL_READ : 0) | (mode & WRITABLE ? ALL_WRITE : 0)
  try {
    fs.chmodSync(path, fs.statSync(path).mode | added)
    return 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? -1
  }
}
