import type { Point } from '../lib/rounds.ts'

/** Draws as text, without any library. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** @param inner markup, already escaped */
export function svg(width: number, height: number, inner: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">${inner}</svg>`
}

export function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end' = 'start'): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeHtml(content)}</text>`
}

export function line([x1, y1]: Point, [x2, y2]: Point, className: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" class="${className}"/>`
}

/** Draws the `nth` of several lines. */
export function polyline(points: readonly Point[], nth: number, title: string): string {
  const path = points.map(([x, y]) => `${round(x)},${round(y)}`).join(' ')
  const stroke = `stroke="${colorOf(nth)}" ${dashOf(nth)}stroke-width="2"`
  return `<polyline points="${path}" fill="none" ${stroke}><title>${escapeHtml(title)}</title></polyline>`
}

export function rect(x: number, y: number, width: number, height: number, color: string): string {
  const size = `width="${round(Math.max(0, width))}" height="${height}"`
  return `<rect x="${round(x)}" y="${round(y)}" ${size} fill="${color}"/>`
}

const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7f7f7f']

/** Returns colours that people can tell apart who do not see all colours alike. */
export function colorOf(nth: number): string {
  return colors[nth % colors.length]
}

function dashOf(nth: number): string {
  return nth < colors.length ? '' : 'stroke-dasharray="6 3" '
}

function round(n: number): number {
  return Math.round(n * 10) / 10
}
