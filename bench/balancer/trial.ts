import type { Load } from './loads/index.ts'
import type { ServerSpec } from './peer.ts'

/** A trial is data: what load it puts on which servers, and whom it compares. */
export interface Trial {
  /** As on the command line. */
  readonly name: string
  /** What it tells, in a sentence. */
  readonly about: string
  /** By name, as in peers/. */
  readonly peers: readonly string[]
  readonly variants: readonly Variant[]
}

/** Each is run with every peer, and those of a variant are compared. */
export interface Variant {
  readonly name: string
  readonly server: ServerSpec
  readonly load: Load
  /** Instead of the trial's. */
  readonly peers?: readonly string[]
  /** Those that the short form takes; none if missing. */
  readonly short?: readonly string[]
}
