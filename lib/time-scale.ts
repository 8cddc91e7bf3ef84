/**
 * The factor by which the product's own waits are shortened. Tests set it by the environment
 * variable NODE_DLB_TIME_SCALE, to a number above 0 and at most 1. Without the variable it is 1.
 */
const factor = Number(process.env.NODE_DLB_TIME_SCALE)
const scale = factor > 0 && factor <= 1 ? factor : 1

/** Scales a constant of the product: a time in ms, or a number of periods. */
export function scaled(constant: number): number {
  return scale * constant
}
