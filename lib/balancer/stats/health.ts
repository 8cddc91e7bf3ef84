import type { DeviceFacts } from '../dispatch/connection-domain.ts'
import type { ListenerTable } from '../listeners/table.ts'
import { STABLE_MS, type WorkerPlace, type Workers } from '../workers/workers.ts'

export interface Health {
  /**
   * - starting: not all workers have listened yet
   * - ok: all workers serve
   * - degraded: some workers do not serve, or a device has failed; the others serve
   * - closing: no new connections are accepted
   */
  readonly status: 'starting' | 'ok' | 'degraded' | 'closing'
  /** What is wrong, one sentence for each problem; empty unless degraded. */
  readonly problems: readonly string[]
}

export interface HealthSources {
  readonly workers: Workers
  readonly table: ListenerTable
  readonly device: DeviceFacts
  readonly starting: boolean
  readonly closing: boolean
}

/**
 * After this many deaths in a row, a worker that lives again counts as a problem until it has lived
 * for `STABLE_MS`.
 */
const CRASH_LOOP = 2

export function takeHealth({ workers, table, device, starting, closing }: HealthSources): Health {
  if (closing) return { status: 'closing', problems: [] }
  if (starting) return { status: 'starting', problems: [] }
  const problems = workers.wanted.flatMap((worker) => problemOf(worker, table) ?? [])
  if (device.fallback) problems.push(`no DLB device: ${device.reason}`)
  return { status: problems.length === 0 ? 'ok' : 'degraded', problems }
}

function problemOf({ index, state, deathsInARow, startedAt }: WorkerPlace, table: ListenerTable): string | null {
  const loops = deathsInARow >= CRASH_LOOP && performance.now() - startedAt < STABLE_MS
  if (state === 'waiting') return `worker_${index} has died${times(deathsInARow)}, and waits to be started again`
  if (state === 'running' && !table.serves(index)) return `worker_${index} does not listen yet${history(deathsInARow)}`
  if (state === 'running' && loops) return `worker_${index} listens again${history(deathsInARow)}`
  return null
}

function history(deaths: number): string {
  return deaths === 0 ? '' : `, and has died${times(deaths)} before`
}

function times(deaths: number): string {
  return deaths > 1 ? ` ${deaths} times in a row` : ''
}
