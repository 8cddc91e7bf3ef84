import type { Point, Sample } from '../../lib/rounds.ts'
import { Fleet } from '../fleet.ts'
import { overMean, padded } from './held.ts'
import type { LoadContext } from './load.ts'
import { measureCpu } from './measure.ts'
import { percentiles } from './open.ts'

/** WebSockets with uneven lifetimes, each of which sends a message again and again. */
export interface FanInLoad {
  readonly kind: 'fan-in'
  readonly connections: number
  /** Milliseconds between a connection's messages. */
  readonly gap: number
  readonly seconds: number
}

export async function runFanIn(load: FanInLoad, { server, spec, scale }: LoadContext): Promise<Sample> {
  const fleet = await Fleet.start()
  try {
    const job = (seconds: number) =>
      ({
        kind: 'fan-in',
        port: server.port,
        connections: load.connections,
        gap: load.gap,
        mix: [],
        seed: 1,
        seconds,
      }) as const
    await fleet.run(job(scale.warmUpSeconds))
    const { result, microseconds } = await measureCpu(server, () =>
      fleet.run(job(Math.min(load.seconds, scale.seconds))),
    )
    const counts = result.heldOverTime.map((held) => padded(Object.values(held), spec.workers))
    // The series begins when most connections are open and known.
    const series = counts.flatMap((held, i): Point[] => {
      return held.reduce((a, b) => a + b) < load.connections / 2 ? [] : [[i + 1, overMean(held)]]
    })
    return {
      figures: {
        'max/mean': series.reduce((sum, [, y]) => sum + y, 0) / series.length,
        'max/mean at worst': Math.max(...series.map(([, y]) => y)),
        ...Object.fromEntries(percentiles('', result.latencies.messages)),
        'CPU µs/message': microseconds / result.completed,
        'failed messages': result.failed,
      },
      latencies: result.latencies,
      series: { 'max/mean every 250 ms': series },
    }
  } finally {
    await fleet.stop()
  }
}
