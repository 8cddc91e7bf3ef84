/**
 * Whole numbers from 0 up to, and without, `n`: xorshift32, the same for the same seed everywhere.
 */
export function random(seed: number): (n: number) => number {
  let state = seed | 0 || 1
  return (n) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % n
  }
}
