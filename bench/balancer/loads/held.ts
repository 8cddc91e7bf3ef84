import { memoryOfTree } from '../../lib/process-tree.ts'
import type { Point, Sample } from '../../lib/rounds.ts'
import { Fleet } from '../fleet.ts'
import type { LoadContext } from './load.ts'
import { measureCpu } from './measure.ts'

/**
 * Connections that stay open. Then, again and again, some of them are closed and as many opened.
 */
export interface HeldLoad {
  readonly kind: 'held'
  readonly connections: number
  readonly churns: number
  /** The share of the connections that is replaced each time. */
  readonly share: number
}

const SEED = 1

export async function runHeld(
  { connections, churns, share }: HeldLoad,
  { server, spec }: LoadContext,
): Promise<Sample> {
  const fleet = await Fleet.start()
  const step = async (churn: number | null): Promise<{ counts: number[]; failed: number; completed: number }> => {
    const job = { kind: 'hold', port: server.port, connections, mix: [], seed: SEED, churn } as const
    const { held, failed, completed } = await fleet.run(job)
    return { counts: padded(Object.values(held), spec.workers), failed, completed }
  }
  try {
    const memory = memoryOfTree(server.child.pid)
    const opened = await measureCpu(server, () => step(null))
    const perConnection = (memoryOfTree(server.child.pid) - memory) / connections / 1024
    const series: Point[] = [[0, overMean(opened.result.counts)]]
    let [failed, difference] = [opened.result.failed, range(opened.result.counts)]
    for (let n = 1; n <= churns; n++) {
      const { counts, failed: more } = await step(share)
      series.push([n, overMean(counts)])
      failed += more
      difference = Math.max(difference, range(counts))
    }
    return {
      figures: {
        'max/mean at first': series[0][1],
        'max/mean at worst': Math.max(...series.map(([, y]) => y)),
        'max − min at worst': difference,
        'PSS KiB/connection': perConnection,
        'CPU µs/connection': opened.microseconds / opened.result.completed,
        'failed requests': failed,
      },
      series: { 'max/mean after each churn': series },
    }
  } finally {
    await fleet.stop()
  }
}

/** Adds the workers that have no connections: they answered nothing, and are not in the list. */
export function padded(counts: readonly number[], workers: number): number[] {
  return [...counts, ...new Array<number>(Math.max(0, workers - counts.length)).fill(0)]
}

/** Returns how many connections the worker with the most has, as a multiple of the mean. */
export function overMean(counts: readonly number[]): number {
  const mean = counts.reduce((sum, n) => sum + n, 0) / counts.length
  return Math.max(...counts) / mean
}

function range(counts: readonly number[]): number {
  return Math.max(...counts) - Math.min(...counts)
}
