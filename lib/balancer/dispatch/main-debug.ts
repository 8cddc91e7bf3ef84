import type { ResolvedOptions } from '../options/options.ts'

/**
 * The function that writes main's lines of the debug log; null if there is no log. In Envoy's log
 * every thread is a worker, so main is numbered after the workers.
 */
export function mainDebug({
  debug,
  workerPlaces,
}: Pick<ResolvedOptions, 'debug' | 'workerPlaces'>): ((line: string) => void) | null {
  return debug && ((line) => debug(`worker_${workerPlaces} ${line}`))
}
