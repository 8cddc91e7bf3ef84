/**
 * How many open connections a device counts as the load of workers: least-connections has it
 * complete them when they close.
 */
export interface Counting {
  /** The device has event-state entries for so many of each worker. */
  readonly most: number
  /**
   * So many events can be scheduled and not complete in all, see `inFlightLimit` in
   * lib/device/device.ts.
   */
  readonly limit: number
  /** Of them, each worker needs so many for what waits at it, or was just adopted. */
  readonly apart: number
}

/**
 * At most such a part of the limit is kept for what waits: with many workers, there would be
 * nothing to count with.
 */
const KEPT_FOR_WAITING = 1 / 2

/**
 * Beyond this, workers count nothing more, between them, while `workers` have a thread. Below the
 * limit, so that the device can deal to a worker that moves, whatever the others hold. Each may
 * have counted one more before it saw that it was the last, which is taken off.
 */
export function countable({ limit, apart }: Counting, workers: number): number {
  if (limit === Number.POSITIVE_INFINITY) return limit
  return Math.max(0, Math.floor(limit - Math.min(limit * KEPT_FOR_WAITING, workers * apart) - workers))
}

/**
 * Of each of them: equal shares, since a worker that counted more than others would have to have
 * more connections before it got no more.
 */
export function countableByEach(counting: Counting, workers: number): number {
  return Math.min(counting.most, Math.floor(countable(counting, workers) / workers))
}

/**
 * The deepest consumer queue, up to `most`, with which what waits at so many workers, each with
 * `adopted` more, stays within what is kept for it.
 */
export function deepestQueue(limit: number, workers: number, adopted: number, least: number, most: number): number {
  let depth = least
  while (depth * 2 <= most && workers * (depth * 2 + adopted) <= limit * KEPT_FOR_WAITING) depth *= 2
  return depth
}
