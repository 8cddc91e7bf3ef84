import type { Load } from './loads/index.ts'
import type { ServerSpec } from './peer.ts'

/** A trial is data: the load that it puts on servers, and the peers that it compares. */
export interface Trial {
  /** The name on the command line. */
  readonly name: string
  /** What the trial shows, in a sentence. */
  readonly about: string
  /** The names of peers, as in peers/. */
  readonly peers: readonly string[]
  readonly variants: readonly Variant[]
}

/** Each variant is run with every peer, and those of a variant are compared. */
export interface Variant {
  readonly name: string
  readonly server: ServerSpec
  readonly load: Load
  /** The peers of this variant, instead of the trial's. */
  readonly peers?: readonly string[]
  /** The peers that the short form takes; undefined: none. */
  readonly short?: readonly string[]
}
