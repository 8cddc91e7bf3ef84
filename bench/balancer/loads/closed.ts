import { now } from '../../lib/clock.ts'
import type { Sample } from '../../lib/rounds.ts'
import { Fleet } from '../fleet.ts'
import type { ClosedLoad, Done } from './closed-load.ts'
import type { LoadContext } from './load.ts'
import { measureCpu } from './measure.ts'
import { isForWrk, runWrk } from './wrk.ts'

export async function runClosed(load: ClosedLoad, { server, scale }: LoadContext): Promise<Sample> {
  const seconds = Math.min(load.seconds, scale.seconds)
  if (isForWrk(load, seconds)) {
    await runWrk(load, server.port, Math.max(1, Math.round(scale.warmUpSeconds)))
    return toSample(load, await measureCpu(server, () => runWrk(load, server.port, seconds)))
  }
  const fleet = await Fleet.start()
  try {
    await runFleet(load, fleet, server.port, scale.warmUpSeconds)
    return toSample(load, await measureCpu(server, () => runFleet(load, fleet, server.port, seconds)))
  } finally {
    await fleet.stop()
  }
}

/** Runs the load by clients of our own. */
export async function runFleet(load: ClosedLoad, fleet: Fleet, port: number, seconds: number): Promise<Done> {
  const { kind, connections, users, mix, tls } = load
  const began = now()
  const { completed, failed } = await fleet.run({ kind, port, connections, users, mix, seconds, ...(tls && { tls }) })
  return { completed, failed, seconds: (now() - began) / 1000 }
}

function toSample(
  { connections }: ClosedLoad,
  { result, microseconds }: { result: Done; microseconds: number },
): Sample {
  const what = connections === 'new' ? 'connection' : 'request'
  return {
    figures: {
      [`${what}s/s`]: result.completed / result.seconds,
      [`CPU µs/${what}`]: microseconds / result.completed,
      'failed requests': result.failed,
    },
  }
}
