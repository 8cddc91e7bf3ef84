import type { ResolvedOptions } from '../options/options.ts'

/**
 * Main's lines of the debug log; null if there is none. In Envoy's log every thread is a worker:
 * main is numbered after the workers.
 */
export function mainDebug({
  debug,
  workerPlaces,
}: Pick<ResolvedOptions, 'debug' | 'workerPlaces'>): ((line: string) => void) | null {
  return debug && ((line) => debug(`worker_${workerPlaces} ${line}`))
}
