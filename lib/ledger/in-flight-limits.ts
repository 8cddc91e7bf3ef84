/**
 * The device's limits on *counted* connections. Under least-connections an open connection is
 * counted: its event is completed when the connection closes, so that the device counts it as its
 * worker's load and deals to the worker with the fewest. The device limits the number of events
 * that are scheduled and not complete, and the workers share that number.
 *
 * Each of the n workers keeps `reserved` of `total` for connections that wait at it or were just
 * adopted. But all together keep at most half of `total`, because with many workers nothing would
 * be left to count with. One more for each worker is subtracted, because each may have counted one
 * connection too many before it saw that the limit was reached. All workers together may thus count
 *
 *     total − min(total / 2, n × reserved) − n
 *
 * connections. This is below `total`, so that the device can deal to a worker that makes progress,
 * whatever the others hold. The workers have equal shares: a worker that could count more than the
 * others would need more connections before the device stopped preferring it. No share exceeds
 * `perWorker`.
 */
export interface InFlightLimits {
  /**
   * The number of counted connections of each worker for which the device has event-state entries.
   */
  readonly perWorker: number
  /** The bound on all workers' events: `inFlightLimit` in lib/device/device.ts. Infinity: none. */
  readonly total: number
  /**
   * The part of `total` that each worker needs for connections that wait at it or were just
   * adopted.
   */
  readonly reserved: number
}

/** The largest part of the total that is kept for connections that wait. */
const KEPT_FOR_WAITING = 1 / 2

/**
 * The number of connections that all workers together may count while `workers` of them have a
 * thread.
 */
export function countableByAll({ total, reserved }: InFlightLimits, workers: number): number {
  if (total === Number.POSITIVE_INFINITY) return total
  return Math.max(0, Math.floor(total - Math.min(total * KEPT_FOR_WAITING, workers * reserved) - workers))
}

/** The number of connections that each of these workers may count. */
export function countableByEach(limits: InFlightLimits, workers: number): number {
  return Math.min(limits.perWorker, Math.floor(countableByAll(limits, workers) / workers))
}

/**
 * The depth of the deepest consumer queue for workers: a power of two times `least`, at most
 * `most`, with which the events that wait at all workers, plus `adopted` more for each, stay within
 * the part that is kept for them.
 */
export function deepestQueue(total: number, workers: number, adopted: number, least: number, most: number): number {
  let depth = least
  while (depth * 2 <= most && workers * (depth * 2 + adopted) <= total * KEPT_FOR_WAITING) depth *= 2
  return depth
}
