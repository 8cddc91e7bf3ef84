import type { DlbAlert } from './types.ts'

const deviceReset = 0
const watchdog = 2
const mostKept = 1000

/**
 * Reads an alert of libdlb. libdlb also calls back for hardware errors, with an id that it has not
 * set. So an id means a reset only if the addon has verified that (`isReset`), and any alert that
 * is neither a reset nor the watchdog's counts as a hardware error.
 */
export function readAlert(id: number, data: number, isReset: boolean): DlbAlert {
  if (isReset) return { type: id === deviceReset ? 'device-reset' : 'domain-reset' }
  if (id !== watchdog) return { type: 'hardware-error' }
  const kind = (data & 0x100) !== 0 ? 'load-balanced' : 'directed'
  return { type: 'cq-watchdog', port: { kind, id: data & 0xff } }
}

/**
 * A domain's alerts. Until a callback is set, the first 1,000 are kept, because the first ones tell
 * the most.
 */
export class Alerts {
  #callback: ((alert: DlbAlert) => void) | null = null
  readonly #kept: DlbAlert[] = []

  readonly take = (alert: DlbAlert): void => {
    if (this.#callback !== null) this.#callback(alert)
    else if (this.#kept.length < mostKept) this.#kept.push(alert)
  }

  listen(callback: ((alert: DlbAlert) => void) | null): void {
    this.#callback = callback
    if (callback === null) return
    for (const alert of this.#kept.splice(0)) setImmediate(this.take, alert).unref()
  }
}
