import type { Result } from '../lib/rounds.ts'
import { type Spread, spread } from '../lib/stats.ts'

/** Returns the spreads of a result's figures, by name. */
export function spreadsOf({ samples }: Result): Map<string, Spread> {
  const names = Object.keys(samples[0]?.figures ?? {})
  return new Map(names.map((name) => [name, spread(samples.map(({ figures }) => figures[name]))]))
}
