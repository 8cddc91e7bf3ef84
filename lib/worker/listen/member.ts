import type { Server } from 'node:net'
import type { StreamHandleConstructor } from '../node-handles.ts'
import type { Accept, ListenHandle } from './listen-handle.ts'

/** A listen handle of this worker, and the servers that listen through it. */
export interface Member {
  /**
   * The servers that have the handle. The last one gets the connections: `b.listen(a)` takes them
   * over from `a`.
   */
  readonly servers: Server[]
  readonly handle: ListenHandle
  readonly accept: Accept
  /** Whether its connections begin with a PROXY protocol header. */
  readonly proxied: boolean
  /** The class of its connections' handles. */
  readonly Handle: StreamHandleConstructor
  /**
   * Whether its connections begin with TCP_NODELAY, which they inherit from the listening socket.
   */
  readonly inheritsNoDelay: boolean
}

/** The worker's members. */
export interface Members {
  find(listener: number): Member | undefined
}

/** The server that gets the member's connections. */
export function serverOf({ servers }: Member): Server {
  return servers[servers.length - 1]
}
