/**
 * When requests are due, in ms from the start. This is decided before the first is sent, whatever
 * the server does then.
 */
export interface Schedule {
  /** Requests per second. */
  readonly rate: number
  readonly seconds: number
  /** 'random': the gaps are those of independent clients (Poisson). Default 'even'. */
  readonly arrivals?: 'even' | 'random'
}

/**
 * Returns when requests are due.
 * @param random 0 ≤ x < 1; the same sequence gives the same schedule
 */
export function dueTimes({ rate, seconds, arrivals = 'even' }: Schedule, random: () => number): Float64Array {
  const times = new Float64Array(Math.round(rate * seconds))
  const gap = 1000 / rate
  let due = 0
  for (let i = 0; i < times.length; i++) {
    due = arrivals === 'even' ? i * gap : due - Math.log(1 - random()) * gap
    times[i] = due
  }
  return times
}

/** mulberry32: it is small, good enough for gaps and lifetimes, and the same on every machine. */
export function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
