import type { Connections, RequestKind, Tls } from '../clients/jobs.ts'

/**
 * So many users who ask again as soon as they are answered. What it tells is how much a server can
 * do, and at what cost.
 */
export interface ClosedLoad {
  readonly kind: 'closed'
  readonly seconds: number
  readonly connections: Connections
  /** The spec's servers speak it, too. */
  readonly tls?: Tls
  readonly users: number
  readonly mix: readonly RequestKind[]
}

/** What a closed loop has done. */
export interface Done {
  readonly completed: number
  readonly failed: number
  readonly seconds: number
}
