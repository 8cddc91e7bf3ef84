import type { Result } from '../lib/rounds.ts'
import { type Spread, spread } from '../lib/stats.ts'

/** The spreads of a result's figures, by name. */
export function spreadsOf({ samples }: Result): Map<string, Spread> {
  const names = Object.keys(samples[0]?.figures ?? {})
  return new Map(names.map((name) => [name, spread(samples.map(({ figures }) => figures[name]))]))
}

/** As many decimals as tell something. */
export function digitsOf(value: number): number {
  const size = Math.abs(value)
  if (Number.isInteger(value) || size >= 100) return 0
  return size >= 10 ? 1 : 2
}
