const WINDOW_MS = 500
/** The period of the monitor's timer, in ms, which is included in the delays that it measures. */
const RESOLUTION_MS = 20
const NS_PER_MS = 1e6
/** A worker has recovered when its delay is below the threshold times this factor. */
const HYSTERESIS = 0.5

/**
 * Tells whether this worker is overloaded: its app says so, or its event loop is late.
 *
 * The worker's thread. Measuring wakes the loop every 20 ms.
 */
export class Overload {
  readonly #onChange: (overloaded: boolean) => void
  #reported = false
  #late = false

  /** @param maxDelay in ms; null: the delay is not measured */
  constructor(maxDelay: number | null, onChange: (overloaded: boolean) => void) {
    this.#onChange = onChange
    if (maxDelay !== null) this.#measure(maxDelay)
  }

  report(overloaded: boolean): void {
    this.#set(overloaded, this.#late)
  }

  #measure(maxDelay: number): void {
    // Workers that do not measure do not load this module.
    const { monitorEventLoopDelay } = process.getBuiltinModule('node:perf_hooks')
    const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    monitor.enable()
    const check = (): void => {
      // The count is 0 if the loop has not come round.
      const delay = monitor.count === 0 ? 0 : monitor.mean / NS_PER_MS - RESOLUTION_MS
      monitor.reset()
      this.#set(this.#reported, delay > maxDelay * (this.#late ? HYSTERESIS : 1))
    }
    setInterval(check, WINDOW_MS).unref()
  }

  #set(reported: boolean, late: boolean): void {
    const was = this.#reported || this.#late
    this.#reported = reported
    this.#late = late
    if ((reported || late) !== was) this.#onChange(reported || late)
  }
}
