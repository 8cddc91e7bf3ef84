/** A clock in milliseconds, with a timer. */
export interface Clock {
  now(): number
  wait(milliseconds: number, then: () => void): void
}

/**
 * Calls `send` for each request at its time, or as soon after as can be, whether or not earlier
 * ones have been answered. `send` is told when the request was due: latency counts from there, so
 * that requests which a slow server, or this process itself, has kept from being sent in time are
 * not left out (no coordinated omission).
 * @param due ascending, ms from the start
 * @param start ms of the clock
 */
export function openLoop(
  due: Float64Array,
  start: number,
  clock: Clock,
  send: (i: number, dueAt: number) => void,
): Promise<void> {
  let next = 0
  return new Promise((resolve) => {
    const go = (): void => {
      while (next < due.length && start + due[next] <= clock.now()) send(next, start + due[next++])
      if (next === due.length) resolve()
      // Timers round up to whole milliseconds.
      else clock.wait(Math.max(1, Math.floor(start + due[next] - clock.now())), go)
    }
    go()
  })
}
