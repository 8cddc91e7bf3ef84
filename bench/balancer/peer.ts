import type { Child } from './child.ts'

/** What a trial asks of every peer. */
export interface ServerSpec {
  readonly workers: number
  /** Whether servers in Node speak HTTPS. */
  readonly tls?: boolean
  /** Whether they take WebSockets, too. */
  readonly webSocket?: boolean
  /** Whether they only answer, with no listener that observes them. */
  readonly bare?: boolean
}

/** A server under test, in a process tree of its own. */
export interface RunningServer {
  readonly child: Child
  readonly port: number
  /**
   * Replaces all workers while traffic flows, and resolves when that is done; null if this peer
   * cannot.
   */
  readonly reload: (() => Promise<void>) | null
}

/** A way to share connections among workers. Each has a file in peers/. */
export interface Peer {
  readonly name: string
  /** Returns why the peer cannot run here, as the end of "skipped: …"; null if it can. */
  unavailable(spec: ServerSpec): string | null
  /** @throws Error if the server does not come up */
  start(spec: ServerSpec): Promise<RunningServer>
}
