import type { Server } from 'node:net'
import type { StreamHandleConstructor } from '../node-handles.ts'
import type { Accept, ListenHandle } from './listen-handle.ts'

/** What takes part in a listener of the main thread's. */
export interface Member {
  /**
   * Those that have the handle. The last one gets the connections: `b.listen(a)` takes them over.
   */
  readonly servers: Server[]
  readonly handle: ListenHandle
  readonly accept: Accept
  /** Its connections begin with the PROXY protocol's header. */
  readonly proxied: boolean
  /** The class of its connections' handles. */
  readonly Handle: StreamHandleConstructor
  /** Its connections begin with TCP_NODELAY, as the listening socket has it. */
  readonly inheritsNoDelay: boolean
}

/** The server that gets the member's connections. */
export function serverOf({ servers }: Member): Server {
  return servers[servers.length - 1]
}
