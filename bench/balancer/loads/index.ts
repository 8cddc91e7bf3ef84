import type { Sample } from '../../lib/rounds.ts'
import { type ClosedLoad, runClosed } from './closed.ts'
import type { LoadContext, RunLoad } from './load.ts'
import { type OpenLoad, runOpen } from './open.ts'

export type Load = OpenLoad | ClosedLoad

const loads: { [K in Load['kind']]: RunLoad<Extract<Load, { kind: K }>> } = {
  open: runOpen,
  closed: runClosed,
}

export function runLoad(load: Load, context: LoadContext): Promise<Sample> {
  return (loads[load.kind] as RunLoad<Load>)(load, context)
}
