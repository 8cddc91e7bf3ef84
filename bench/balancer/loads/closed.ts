import { now } from '../../lib/clock.ts'
import type { Sample } from '../../lib/rounds.ts'
import type { Connections, RequestKind } from '../clients/jobs.ts'
import { Fleet, type SharedJob } from '../fleet.ts'
import type { LoadContext } from './load.ts'
import { measureCpu } from './measure.ts'

/** So many users who ask again as soon as they are answered. What it tells is how much a server can do, and at what cost. */
export interface ClosedLoad {
  readonly kind: 'closed'
  readonly seconds: number
  readonly connections: Connections
  readonly users: number
  readonly mix: readonly RequestKind[]
}

export async function runClosed(load: ClosedLoad, { server, scale }: LoadContext): Promise<Sample> {
  const fleet = await Fleet.start()
  try {
    const { kind, connections, users, mix } = load
    const job = (seconds: number): SharedJob => ({ kind, port: server.port, connections, users, mix, seconds })
    await fleet.run(job(scale.warmUpSeconds))
    const began = now()
    const { result, microseconds } = await measureCpu(server, () =>
      fleet.run(job(Math.min(load.seconds, scale.seconds))),
    )
    const what = connections === 'new' ? 'connection' : 'request'
    return {
      figures: {
        [`${what}s/s`]: result.completed / ((now() - began) / 1000),
        [`CPU µs/${what}`]: microseconds / result.completed,
        'failed requests': result.failed,
      },
    }
  } finally {
    await fleet.stop()
  }
}
