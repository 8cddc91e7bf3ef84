import type { Connections, RequestKind, Tls } from '../clients/jobs.ts'

/**
 * Users who each send the next request as soon as the last is answered. The load shows how much a
 * server can do, and at what cost.
 */
export interface ClosedLoad {
  readonly kind: 'closed'
  readonly seconds: number
  readonly connections: Connections
  /** If it is set, the spec's servers speak TLS, too. */
  readonly tls?: Tls
  readonly users: number
  readonly mix: readonly RequestKind[]
}

/** The result of a closed loop. */
export interface Done {
  readonly completed: number
  readonly failed: number
  readonly seconds: number
}
