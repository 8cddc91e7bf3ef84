import type { Result } from '../lib/rounds.ts'
import { formatFigure, type Table, tablesOf } from './table.ts'

/** Returns tables for a terminal. */
export function textTables(results: readonly Result[]): string {
  return tablesOf(results).map(toText).join('\n\n')
}

function toText({ group, columns, rows }: Table): string {
  const cells = rows.map(({ name, spreads }) => [name, ...columns.map((column) => formatFigure(spreads.get(column)))])
  return align([[group, ...columns], ...cells])
}

function align(rows: readonly string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row: readonly string[]): string => row.map((cell, column) => cell.padEnd(widths[column])).join('   ')
  return rows.map((row) => line(row).trimEnd()).join('\n')
}
