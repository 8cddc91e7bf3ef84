import type { Child } from './child.ts'

/** What a trial wants of every peer. */
export interface ServerSpec {
  readonly workers: number
  /** Servers in Node speak HTTPS. */
  readonly tls?: boolean
  /** They take WebSockets, too. */
  readonly webSocket?: boolean
  /** They do nothing but answer, and nobody looks at what they do. */
  readonly bare?: boolean
}

/** A server under test, in a process tree of its own. */
export interface RunningServer {
  readonly child: Child
  readonly port: number
  /** Replaces all workers while traffic flows; resolves when it is done. null: this peer cannot. */
  readonly reload: (() => Promise<void>) | null
}

/** A way to share connections among workers. One file each, in peers/. */
export interface Peer {
  readonly name: string
  /** Why it cannot run here, as the end of "skipped: …"; null if it can. */
  unavailable(spec: ServerSpec): string | null
  /** @throws Error if it does not come up. */
  start(spec: ServerSpec): Promise<RunningServer>
}
