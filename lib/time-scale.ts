/**
 * Tests change the waits of the product by the environment variable NODE_DLB_TIME_SCALE, a factor
 * above 0: they shorten those that they have to sit out, and lengthen those that a busy machine
 * would exceed. Without the variable, times are as they are written.
 */
const factor = Number(process.env.NODE_DLB_TIME_SCALE)
const scale = factor > 0 && factor <= 100 ? factor : 1

/** Returns a constant of the product, a time or a number of periods, as tests want it. */
export function scaled(constant: number): number {
  return scale * constant
}
