import type { Result } from '../lib/rounds.ts'
import type { Spread } from '../lib/stats.ts'
import { spreadsOf } from './summary.ts'
import { formatFigure } from './table.ts'

export type Verdict = 'better' | 'worse' | 'within the spread'

export interface Change {
  readonly name: string
  readonly figure: string
  readonly before: Spread
  readonly after: Spread
  readonly verdict: Verdict
}

/** Compares every figure that both have, of cases of the same name. */
export function compare(before: readonly Result[], after: readonly Result[]): Change[] {
  return after.flatMap((result) => {
    const base = before.find(({ name }) => name === result.name)
    if (!base) return []
    const old = spreadsOf(base)
    return [...spreadsOf(result)].flatMap(([figure, spread]): Change[] => {
      const was = old.get(figure)
      if (!was || isOfTheClient(figure)) return []
      return [{ name: result.name, figure, before: was, after: spread, verdict: judge(figure, was, spread) }]
    })
  })
}

/**
 * Judges whether a figure has changed: no round of one lies within the rounds of the other. With 7
 * rounds each, noise alone does that once in 1,700 figures; with fewer, more often.
 */
export function judge(figure: string, before: Spread, after: Spread): Verdict {
  if (after.min <= before.max && before.min <= after.max) return 'within the spread'
  return after.min > before.max === moreIsBetter(figure) ? 'better' : 'worse'
}

/** Whether the figure is a rate. All other figures are costs. */
export function moreIsBetter(figure: string): boolean {
  return figure.endsWith('/s')
}

/** Returns lines for a terminal. */
export function describeChanges(changes: readonly Change[]): string[] {
  const changed = changes.filter(({ verdict }) => verdict !== 'within the spread')
  const lines = changed.map(
    ({ name, figure, before, after, verdict }) =>
      `${verdict}: ${name}, ${figure}: ${formatFigure(before)} → ${formatFigure(after)}`,
  )
  return [`${changed.length} of ${changes.length} figures have changed beyond the spread`, ...lines]
}

function isOfTheClient(figure: string): boolean {
  return figure.startsWith('client ')
}
