/**
 * Under least-connections an open connection is *counted*: its event is completed when the
 * connection closes, so that the device counts it as its worker's load and deals to the worker with
 * the fewest. The device bounds how many events can be scheduled and not complete, which these
 * limits share out.
 *
 * Each of the n workers keeps `reserved` of `total` for connections that wait at it or were just
 * adopted; yet all together keep at most half, because with many workers nothing would be left to
 * count with. One more for each worker is taken off, because each may have counted one connection
 * too many before it saw that the limit was reached. All workers together may thus count
 *
 *     total − min(total / 2, n × reserved) − n
 *
 * connections. This is below `total`, so that the device can deal to a worker that moves, whatever
 * the others hold. The workers have equal shares, because one that counted more than others would
 * have to have more connections before it got no more. No share exceeds `perWorker`.
 */
export interface InFlightLimits {
  /** The device has event-state entries for this many counted connections of each worker. */
  readonly perWorker: number
  /** The bound on all workers' events: `inFlightLimit` in lib/device/device.ts. Infinity: none. */
  readonly total: number
  /** What each worker needs of `total` for connections that wait at it or were just adopted. */
  readonly reserved: number
}

/** At most this part of the total is kept for what waits. */
const KEPT_FOR_WAITING = 1 / 2

/** How many connections all workers together may count while `workers` of them have a thread. */
export function countableByAll({ total, reserved }: InFlightLimits, workers: number): number {
  if (total === Number.POSITIVE_INFINITY) return total
  return Math.max(0, Math.floor(total - Math.min(total * KEPT_FOR_WAITING, workers * reserved) - workers))
}

/** How many connections each of them may count. */
export function countableByEach(limits: InFlightLimits, workers: number): number {
  return Math.min(limits.perWorker, Math.floor(countableByAll(limits, workers) / workers))
}

/**
 * The deepest consumer queue, a power of two times `least` and at most `most`, with which the
 * events that wait at all workers, each with `adopted` more, stay within what is kept for them.
 */
export function deepestQueue(total: number, workers: number, adopted: number, least: number, most: number): number {
  let depth = least
  while (depth * 2 <= most && workers * (depth * 2 + adopted) <= total * KEPT_FOR_WAITING) depth *= 2
  return depth
}
