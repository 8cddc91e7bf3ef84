import type { Result } from '../lib/rounds.ts'
import { bars, percentileCurves, seriesCurves } from './plots.ts'
import type { BenchRecord } from './record.ts'
import { escapeHtml } from './svg.ts'
import { formatFigure, type Table, tablesOf } from './table.ts'

const style = `
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0 }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; white-space: nowrap; border-bottom: 1px solid #8884 }
td { font-variant-numeric: tabular-nums }
svg { display: block; max-width: 100%; height: auto; font-size: 12px } svg text { fill: currentColor }
.grid { stroke: #8884 } .spread { stroke: currentColor; stroke-width: 1.5 }
figure { margin: 1.2rem 0 } figcaption { font-weight: 600 }
`

/** Returns one HTML file that needs no other file. */
export function htmlReport({ at, facts, skipped, results }: BenchRecord, changes: readonly string[]): string {
  const groups = [...new Set(results.map(({ group }) => group))]
  const failures = results
    .filter(({ failure }) => failure !== null)
    .map(({ name, failure }) => `failed: ${name}: ${failure}`)
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>node-dlb bench, ${escapeHtml(at)}</title><style>${style}</style>
<h1>node-dlb bench</h1>
${list([at, ...facts])}
<p>Medians of the rounds, with the least and the greatest. CPU time is that of the server's whole process tree.</p>
${list([...failures, ...skipped.map((line) => `skipped: ${line}`)])}
${changes.length > 0 ? `<h2>What has changed</h2>${list(changes)}` : ''}
${groups.map((group) => section(results.filter((result) => result.group === group))).join('\n')}
</html>
`
}

function section(results: readonly Result[]): string {
  const tables = tablesOf(results)
  if (tables.length === 0) return ''
  const figures = tables.flatMap((table) =>
    table.columns.filter(isWorthABar).map((name) => plot(name, bars(table, name))),
  )
  const latencies = namesOf(results.map(({ samples }) => samples[0]?.latencies))
  const series = namesOf(results.map(({ samples }) => samples[0]?.series))
  return [
    `<h2>${escapeHtml(results[0].group)}</h2>`,
    ...tables.map(toTable),
    ...latencies.map((name) => plot(`${name}: latency by percentile`, percentileCurves(results, name))),
    ...series.map((name) => plot(name, seriesCurves(results, name))),
    `<details open><summary>Each figure</summary>${figures.join('')}</details>`,
  ].join('\n')
}

function toTable({ columns, rows }: Table): string {
  const head = ['', ...columns].map((cell) => `<th>${escapeHtml(cell)}</th>`).join('')
  const body = rows.map(({ name, spreads }) => {
    const cells = columns.map((column) => `<td>${formatFigure(spreads.get(column))}</td>`)
    return `<tr><th>${escapeHtml(name)}</th>${cells.join('')}</tr>`
  })
  return `<table><tr>${head}</tr>${body.join('')}</table>`
}

function plot(caption: string, drawing: string): string {
  return `<figure><figcaption>${escapeHtml(caption)}</figcaption>${drawing}</figure>`
}

function list(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `<ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul>`
}

function namesOf(all: readonly (object | undefined)[]): string[] {
  return [...new Set(all.flatMap((one) => Object.keys(one ?? {})))]
}

/** Whether the figure gets a bar. The others help to judge the figures. */
function isWorthABar(figure: string): boolean {
  return !figure.startsWith('failed') && !figure.startsWith('client ')
}
