import { now } from '../../lib/clock.ts'
import { Latencies } from '../../lib/histogram.ts'
import type { Sample } from '../../lib/rounds.ts'
import type { Connections, LoadResult } from '../clients/jobs.ts'
import { Fleet } from '../fleet.ts'
import type { LoadContext } from './load.ts'
import { percentiles } from './open.ts'

/** All workers are replaced while new connections and connections that are kept send requests. */
export interface ReloadLoad {
  readonly kind: 'reload'
  /** Requests per second on new connections, and as many on kept ones. */
  readonly rate: number
  readonly connections: number
  readonly seconds: number
}

export async function runReload({ rate, connections, seconds }: ReloadLoad, context: LoadContext): Promise<Sample> {
  const { server, scale } = context
  const { reload } = server
  if (!reload) throw new Error('this peer cannot replace its workers')
  const fleets = await Promise.all([Fleet.start(), Fleet.start()])
  const run = (fleet: Fleet, connections: Connections, seconds: number): Promise<LoadResult> =>
    fleet.run({
      kind: 'open',
      port: server.port,
      connections,
      mix: [{ name: 'requests', path: '/' }],
      schedule: { rate, seconds, arrivals: 'even' },
      seed: 1,
      patience: 10_000,
    })
  const both = (seconds: number): Promise<LoadResult[]> =>
    Promise.all([run(fleets[0], 'new', seconds), run(fleets[1], connections, seconds)])
  try {
    await both(scale.warmUpSeconds)
    const began = now()
    const reloaded = reload().then(() => now() - began)
    const [[fresh, kept], took] = await Promise.all([both(Math.min(seconds, scale.seconds)), reloaded])
    const all = Latencies.merge([fresh.latencies.requests, kept.latencies.requests])
    return {
      figures: {
        'failed, new connections': fresh.failed,
        'failed, kept connections': kept.failed,
        ...Object.fromEntries(percentiles('', all.encode())),
        'reload ms': took,
      },
      latencies: { requests: all.encode() },
    }
  } finally {
    await Promise.all(fleets.map((fleet) => fleet.stop()))
  }
}
