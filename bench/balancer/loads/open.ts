import { Latencies } from '../../lib/histogram.ts'
import type { Sample } from '../../lib/rounds.ts'
import type { Connections, HandOff, LoadResult, RequestKind } from '../clients/jobs.ts'
import type { Schedule } from '../clients/schedule.ts'
import { Fleet, type SharedJob } from '../fleet.ts'
import { rateFor, type ShareOfCapacity } from './capacity.ts'
import type { LoadContext } from './load.ts'
import { measureCpu } from './measure.ts'
import { warmUp } from './warm-up.ts'

/** Requests that are due at fixed times, whatever the server does. The load shows latency. */
export interface OpenLoad extends Omit<Schedule, 'rate'> {
  readonly kind: 'open'
  /** Requests per second. */
  readonly rate: number | ShareOfCapacity
  readonly connections: Connections
  readonly mix: readonly RequestKind[]
  /**
   * Seconds for which the load runs before it is measured; at most twice as long as any load.
   * Default 1.
   */
  readonly settleSeconds?: number
  /** Kinds of requests that cause what is measured in the others, and are not shown. */
  readonly unmeasured?: readonly string[]
}

const PATIENCE_MS = 10_000
const SEED = 1
const SETTLE_SECONDS = 1

export async function runOpen(load: OpenLoad, context: LoadContext): Promise<Sample> {
  const { server, spec, scale } = context
  const rate = typeof load.rate === 'number' ? load.rate : await rateFor(load.rate, spec, load.mix, scale)
  const fleet = await Fleet.start()
  try {
    const job = (seconds: number): SharedJob => ({
      kind: 'open',
      port: server.port,
      connections: load.connections,
      mix: load.mix,
      schedule: { rate, seconds, arrivals: load.arrivals ?? 'even' },
      seed: SEED,
      patience: PATIENCE_MS,
    })
    await warmUp(load, fleet, context)
    await fleet.run(job(Math.min(load.settleSeconds ?? SETTLE_SECONDS, 2 * scale.seconds)))
    const { result, microseconds } = await measureCpu(server, () =>
      fleet.run(job(Math.min(load.seconds, scale.seconds))),
    )
    const sample = toSample(load, result, microseconds)
    if (rate === load.rate) return sample
    return { ...sample, figures: { ...sample.figures, 'client sends per second': rate } }
  } finally {
    await fleet.stop()
  }
}

function toSample({ mix, connections, unmeasured = [] }: OpenLoad, result: LoadResult, cpu: number): Sample {
  const measured = mix.map(({ name }) => name).filter((name) => !unmeasured.includes(name))
  const latencies = Object.fromEntries(measured.map((name) => [name, result.latencies[name]]))
  const figures = measured.flatMap((name) => percentiles(measured.length > 1 ? `${name} ` : '', latencies[name]))
  return {
    figures: {
      ...(result.handOff ? handOffFigures(result.handOff) : {}),
      ...Object.fromEntries(figures),
      [`CPU µs/${connections === 'new' ? 'connection' : 'request'}`]: cpu / result.completed,
      'failed requests': result.failed,
      'client late p99 ms': new Latencies(result.late ?? undefined).quantile(0.99) / 1000,
    },
    latencies: { ...latencies, ...(result.handOff ? { 'hand-off': result.handOff.arrival } : {}) },
  }
}

/** The times of connections on their way to workers are short, so these figures are in µs. */
function handOffFigures({ arrival, adoption }: HandOff): Record<string, number> {
  const figures = (name: string, encoded: string): [string, number][] => {
    const latencies = new Latencies(encoded)
    if (latencies.count === 0) return []
    return [0.5, 0.99, 0.999].map((q) => [`${name} p${q * 100} µs`, latencies.quantile(q)])
  }
  return Object.fromEntries([...figures('hand-off', arrival), ...figures('of it since accept', adoption)])
}

export function percentiles(prefix: string, encoded: string): [name: string, milliseconds: number][] {
  const latencies = new Latencies(encoded)
  return [0.5, 0.99, 0.999].map((q) => [`${prefix}p${q * 100} ms`, latencies.quantile(q) / 1000])
}
