import type { Sample } from '../../lib/rounds.ts'
import { runClosed } from './closed.ts'
import type { ClosedLoad } from './closed-load.ts'
import { type FanInLoad, runFanIn } from './fan-in.ts'
import { type HeldLoad, runHeld } from './held.ts'
import type { LoadContext, RunLoad } from './load.ts'
import { type OpenLoad, runOpen } from './open.ts'
import { type ReloadLoad, runReload } from './reload.ts'
import { runStartUp, type StartUpLoad } from './start-up.ts'

export type Load = OpenLoad | ClosedLoad | HeldLoad | FanInLoad | ReloadLoad | StartUpLoad

const loads: { [K in Load['kind']]: RunLoad<Extract<Load, { kind: K }>> } = {
  open: runOpen,
  closed: runClosed,
  held: runHeld,
  'fan-in': runFanIn,
  reload: runReload,
  'start-up': runStartUp,
}

export function runLoad(load: Load, context: LoadContext): Promise<Sample> {
  return (loads[load.kind] as RunLoad<Load>)(load, context)
}
