import type { Port } from '../device/device.ts'

/**
 * When the connections that a load-balanced port received are complete. Some are once they are adopted; those that count
 * as load until they close are when they close, as far as the device can count. The device completes the oldest of the
 * port's events, whichever connection it is that has closed: its figure is how many there are.
 */
export class Completions {
  readonly #port: Port
  readonly #counted: number
  readonly #onEarly: () => void
  /** Open ones that count. */
  #open = 0
  /** Of them, completed while open. */
  #early = 0

  /** @param counted the port keeps so many uncompleted, beside those that wait. */
  constructor(port: Port, counted: number, onEarly: () => void) {
    this.#port = port
    this.#counted = counted
    this.#onEarly = onEarly
  }

  /** An event was dealt with: its connection is not to be counted, or was not to be had. */
  done(): void {
    this.#port.release(1)
  }

  /** Its connection is open, and counts until `closed`. */
  opened(): void {
    this.#open++
    if (this.#open - this.#early <= this.#counted) return
    this.#early++
    this.#onEarly()
    this.#port.release(1)
  }

  closed(): void {
    this.#open--
    if (this.#early > 0) this.#early--
    else this.#port.release(1)
  }
}
