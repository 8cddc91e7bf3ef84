import type { Result } from '../lib/rounds.ts'
import { formatSpread } from '../lib/stats.ts'
import { digitsOf, spreadsOf } from './summary.ts'

/** Tables for a terminal: a group's results that have the same figures make one. */
export function textTables(results: readonly Result[]): string {
  const tables = new Map<string, string[][]>()
  for (const result of results) {
    if (result.samples.length === 0) continue
    const spreads = spreadsOf(result)
    const head = [result.group, ...spreads.keys()]
    const cells = [...spreads.values()].map((found) => formatSpread(found, digitsOf(found.median)))
    const key = head.join('\n')
    tables.set(key, [...(tables.get(key) ?? [head]), [shortName(result), ...cells]])
  }
  return [...tables.values()].map(align).join('\n\n')
}

/** What differs within the group. */
export function shortName({ group, name }: Result): string {
  return name.startsWith(`${group}: `) ? name.slice(group.length + 2) : name
}

function align(rows: readonly string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row: readonly string[]): string => row.map((cell, column) => cell.padEnd(widths[column])).join('   ')
  return rows.map((row) => line(row).trimEnd()).join('\n')
}
