import type { Test } from 'tap'

/** The nightly variants are longer. */
export const nightly = process.env.NODE_DLB_NIGHTLY === '1'

/** NODE_DLB_SEED runs a randomised test again as it was. */
export function seedFor(t: Test): number {
  const seed = Number(process.env.NODE_DLB_SEED ?? 1 + (Date.now() % 1_000_000_007))
  t.comment(`NODE_DLB_SEED=${seed}`)
  return seed
}

/** A random whole number, 0…n − 1. */
export type Below = (n: number) => number
