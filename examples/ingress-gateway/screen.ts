import type { Load } from './gateway.ts'

/** The stream that a screen is written to, a terminal or not. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

const UPDATE_MS = 500
const QUIET_MS = 10_000
const ERASE_LINE = '\r\x1b[K'

/**
 * Shows lines, and below them one live line with each worker's connections. On a terminal the live
 * line is rewritten in place. Elsewhere it is a line like the others, written when it has changed
 * and at most every 10 s.
 */
export class Screen {
  readonly #out: Output
  #live = ''
  #printedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  constructor(out: Output) {
    this.#out = out
  }

  line(text: string): void {
    if (this.#out.isTTY) this.#out.write(`${ERASE_LINE}${text}\n${this.#fitted()}`)
    else this.#out.write(`${text}\n`)
  }

  /** Shows the loads until `stop`. */
  follow(loads: () => readonly Load[]): void {
    // The first line of loads says nothing yet.
    if (!this.#out.isTTY) this.#live = loadText(loads())
    this.#timer = setInterval(() => this.update(loads()), UPDATE_MS)
    if (this.#out.isTTY) this.update(loads())
  }

  update(loads: readonly Load[], now = performance.now()): void {
    const text = loadText(loads)
    if (text === this.#live) return
    if (!this.#out.isTTY && now - this.#printedAt < QUIET_MS) return
    this.#live = text
    this.#printedAt = now
    this.#out.write(this.#out.isTTY ? `${ERASE_LINE}${this.#fitted()}` : `${text}\n`)
  }

  stop(): void {
    clearInterval(this.#timer)
    if (this.#out.isTTY && this.#live !== '') this.#out.write('\n')
    this.#live = ''
  }

  /** A line that wraps cannot be rewritten. */
  #fitted(): string {
    return this.#live.slice(0, (this.#out.columns ?? 80) - 1)
  }
}

/** `open connections  worker_0 3  worker_1 2 | 5 open, 120 so far` */
export function loadText(loads: readonly Load[]): string {
  const workers = loads.map(({ open }, i) => `worker_${i} ${open}`).join('  ')
  const open = loads.reduce((sum, load) => sum + load.open, 0)
  const total = loads.reduce((sum, load) => sum + load.total, 0)
  return `open connections  ${workers}  | ${open} open, ${total} so far`
}
