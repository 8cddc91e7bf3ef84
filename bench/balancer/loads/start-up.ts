import { memoryOfTree } from '../../lib/process-tree.ts'
import type { Sample } from '../../lib/rounds.ts'
import type { LoadContext } from './load.ts'

/** No load: the start of the server itself is measured. */
export interface StartUpLoad {
  readonly kind: 'start-up'
}

export async function runStartUp(_: StartUpLoad, { server, spec, startMilliseconds }: LoadContext): Promise<Sample> {
  const megabytes = memoryOfTree(server.child.pid) / 2 ** 20
  return {
    figures: {
      'ms until all listen': startMilliseconds,
      'PSS MiB': megabytes,
      'PSS MiB/worker': megabytes / spec.workers,
    },
  }
}
