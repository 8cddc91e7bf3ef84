import type { Sample } from '../../lib/rounds.ts'
import type { RunningServer, ServerSpec } from '../peer.ts'

/** Says how much of a trial is run. */
export interface Scale {
  /** The longest time that a load runs, in seconds. */
  readonly seconds: number
  readonly warmUpSeconds: number
}

export interface LoadContext {
  readonly server: RunningServer
  readonly spec: ServerSpec
  /** Milliseconds that the server took until all its workers listened. */
  readonly startMilliseconds: number
  readonly scale: Scale
}

/** Loads the server, and measures. */
export type RunLoad<L> = (load: L, context: LoadContext) => Promise<Sample>
