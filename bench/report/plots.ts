import { Latencies } from '../lib/histogram.ts'
import type { Point, Result } from '../lib/rounds.ts'
import { colorOf, line, polyline, rect, svg, text } from './svg.ts'
import { formatFigure, shortName, type Table } from './table.ts'

const WIDTH = 640
const LABELS = 190
const ROW = 22

/** Draws bars for one figure of a table: the median, and a line from the least to the greatest. */
export function bars({ rows }: Table, figure: string): string {
  const shown = rows.flatMap(({ name, spreads }) => {
    const found = spreads.get(figure)
    return found ? [{ name, found }] : []
  })
  const most = Math.max(...shown.map(({ found }) => found.max)) || 1
  const x = (value: number): number => LABELS + (value / most) * (WIDTH - LABELS - 130)
  const parts = shown.map(({ name, found }, i) => {
    const y = i * ROW + 4
    const middle = y + 7
    return [
      text(LABELS - 8, y + 11, name, 'end'),
      rect(LABELS, y, x(found.median) - LABELS, 14, colorOf(i)),
      line([x(found.min), middle], [x(found.max), middle], 'spread'),
      text(x(found.max) + 6, y + 11, formatFigure(found)),
    ].join('')
  })
  return svg(WIDTH, shown.length * ROW + 4, parts.join(''))
}

interface Line {
  readonly name: string
  readonly points: readonly Point[]
}

const HEIGHT = 300
const LEFT = 60
const BOTTOM = 40
const tails = [1, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001]

/** Draws how long the slowest requests take, over all rounds. Both axes are logarithmic. */
export function percentileCurves(results: readonly Result[], name: string): string {
  const lines = results.flatMap((result): Line[] => {
    const all = Latencies.merge(result.samples.flatMap(({ latencies }) => latencies?.[name] ?? []))
    // A tail of less than one request shows nothing.
    const known = tails.filter((tail) => tail * all.count >= 1)
    const points = known.map((tail): Point => [-Math.log10(tail), Math.log10(all.quantile(1 - tail) / 1000 || 0.001)])
    return all.count === 0 ? [] : [{ name: shortName(result), points }]
  })
  const xTicks: [number, string][] = [0, 1, 2, 3, 4].map((n) => [n, n === 0 ? '0%' : `${100 - 10 ** (2 - n)}%`])
  const yTicks: [number, string][] = [-2, -1, 0, 1, 2, 3, 4].map((n) => [n, `${10 ** n} ms`])
  return chart(lines, xTicks, yTicks)
}

/** Draws what changed in the course of the runs: the median of the rounds. */
export function seriesCurves(results: readonly Result[], name: string): string {
  const lines = results.flatMap((result): Line[] => {
    const rounds = result.samples.flatMap(({ series }) => (series?.[name] ? [series[name]] : []))
    const points = rounds[0]?.map(([x], i): Point => [x, middleOf(rounds.map((one) => one[i]?.[1] ?? 0))])
    return points ? [{ name: shortName(result), points }] : []
  })
  const { left, right, bottom, top } = boundsOf(lines)
  return chart(lines, ticks(left, right), ticks(bottom, top))
}

function chart(lines: readonly Line[], xTicks: [number, string][], yTicks: [number, string][]): string {
  const { left, right, bottom, top } = boundsOf(lines)
  const x = (value: number): number => LEFT + ((value - left) / (right - left || 1)) * (WIDTH - LEFT - LABELS)
  const y = (value: number): number =>
    HEIGHT - BOTTOM - ((value - bottom) / (top - bottom || 1)) * (HEIGHT - BOTTOM - 10)
  const grid = [
    ...yTicks
      .filter(([at]) => at >= bottom && at <= top)
      .map(
        ([at, label]) => line([LEFT, y(at)], [WIDTH - LABELS, y(at)], 'grid') + text(LEFT - 6, y(at) + 4, label, 'end'),
      ),
    ...xTicks
      .filter(([at]) => at >= left && at <= right)
      .map(([at, label]) => text(x(at), HEIGHT - BOTTOM + 18, label, 'middle')),
  ]
  const drawn = lines.map(({ name, points }, i) => {
    const label =
      rect(WIDTH - LABELS + 14, i * 20 + 6, 14, 4, colorOf(i)) + text(WIDTH - LABELS + 34, i * 20 + 13, name)
    return (
      polyline(
        points.map(([px, py]): Point => [x(px), y(py)]),
        i,
        name,
      ) + label
    )
  })
  return svg(WIDTH + 60, HEIGHT, [...grid, ...drawn].join(''))
}

function boundsOf(lines: readonly Line[]): { left: number; right: number; bottom: number; top: number } {
  const points = lines.flatMap((one) => one.points)
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  return { left: Math.min(...xs), right: Math.max(...xs), bottom: Math.min(...ys), top: Math.max(...ys) }
}

function ticks(from: number, to: number): [number, string][] {
  return Array.from({ length: 6 }, (_, i) => from + ((to - from) * i) / 5).map((at) => [
    at,
    at.toFixed(to - from < 5 ? 2 : 0),
  ])
}

function middleOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)]
}
