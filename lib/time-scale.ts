/**
 * Tests that wait for the product's own waits shorten them by the environment variable
 * NODE_DLB_TIME_SCALE, a factor above 0 and at most 1. Without it, times are as they are written.
 */
const factor = Number(process.env.NODE_DLB_TIME_SCALE)
const scale = factor > 0 && factor <= 1 ? factor : 1

/** Returns a constant of the product, a time or a number of periods, as tests want it. */
export function scaled(constant: number): number {
  return scale * constant
}
