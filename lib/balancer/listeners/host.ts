import type { NodeDlbError } from '../../errors.ts'
import type { Connection } from '../../ledger/ledger.ts'
import type { Links, Routes } from '../../protocol.ts'
import type { Listener } from './listener.ts'

/** Learns what happens at the listeners. Main thread. */
export interface ListenerHost {
  /** Main has accepted connections of the listener. The array is only read. */
  accepted(listener: number, fds: Int32Array, count: number): void
  /** Connections were accepted and closed at once, because no descriptors were left. */
  shed(connections: number): void
  /** A socket has failed and does not accept any longer (ERR_DLB_LISTEN). */
  failed(error: NodeDlbError): void
  /** The listener is bound. */
  opened(listener: Listener): void
  /** These connections waited for a worker with a server, and there is one now. */
  served(connections: readonly Connection[]): void
  /** No worker listens there any longer. The listener's unserved connections have nowhere to go. */
  closed(listener: Listener): void
  /** The worker's routes for these listeners, or its links, have changed. */
  rerouted(worker: number, links: Links, routes: Routes): void
}
