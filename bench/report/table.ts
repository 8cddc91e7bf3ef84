import type { Result } from '../lib/rounds.ts'
import { formatSpread, type Spread } from '../lib/stats.ts'
import { spreadsOf } from './summary.ts'

export interface Table {
  readonly group: string
  readonly columns: readonly string[]
  readonly rows: readonly { readonly name: string; readonly spreads: ReadonlyMap<string, Spread> }[]
}

/** Results of a group that measure the same thing first make one table. */
export function tablesOf(results: readonly Result[]): Table[] {
  const tables = new Map<string, Result[]>()
  for (const result of results) {
    if (result.samples.length === 0) continue
    const key = `${result.group}\n${Object.keys(result.samples[0].figures)[0]}`
    tables.set(key, [...(tables.get(key) ?? []), result])
  }
  return [...tables.values()].map((members) => {
    const rows = members.map((result) => ({ name: shortName(result), spreads: spreadsOf(result) }))
    const columns = [...new Set(rows.flatMap(({ spreads }) => [...spreads.keys()]))]
    return { group: members[0].group, columns, rows }
  })
}

/** Returns the part of the name that differs within the group. */
export function shortName({ group, name }: Result): string {
  return name.startsWith(`${group}: `) ? name.slice(group.length + 2) : name
}

/** Formats a figure: "1.23 (1.10–1.40)", or "1.23" if there was one round. */
export function formatFigure(found: Spread | undefined): string {
  if (!found) return '–'
  const digits = digitsOf(found.median)
  return found.min === found.max ? found.median.toFixed(digits) : formatSpread(found, digits)
}

/** Returns the number of decimals that carry information. */
function digitsOf(value: number): number {
  const size = Math.abs(value)
  if (Number.isInteger(value) || size >= 100) return 0
  return size >= 10 ? 1 : 2
}
