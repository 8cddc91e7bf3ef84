/** Long enough to be none; a timer holds the loop open, which a pending waitAsync does not. */
const forever = 2 ** 31 - 1

/**
 * Calls back on its thread's loop while a port's CQ is not empty.
 *
 * The sleep protocol: set the sleep word, look at the tail once more, then wait for the word to change. The scheduler moves
 * the tail before it reads the word; so either the look sees the event, or the scheduler sees the word and wakes. The
 * value that waitAsync checks is the one that was set: a wake in between makes it return at once.
 */
export class Readable {
  readonly #m: Int32Array
  readonly #sleep: number
  readonly #isReadable: () => boolean
  #callback: (() => void) | null = null
  #keepAlive: NodeJS.Timeout | null = null
  #held = true
  /** A wait or an immediate that will call `#turn` is under way. One is enough, whatever the callback is by then. */
  #pending = false

  constructor(memory: Int32Array, sleepWord: number, isReadable: () => boolean) {
    this.#m = memory
    this.#sleep = sleepWord
    this.#isReadable = isReadable
  }

  set(callback: (() => void) | null): void {
    this.#callback = callback
    if (callback === null) {
      this.#release()
      this.#wakeSelf()
      return
    }
    this.#hold()
    if (!this.#pending) this.#arm()
  }

  ref(): void {
    this.#held = true
    if (this.#callback !== null) this.#hold()
  }

  unref(): void {
    this.#held = false
    this.#release()
  }

  #arm(): void {
    this.#pending = true
    const m = this.#m
    Atomics.store(m, this.#sleep, 1)
    if (this.#isReadable()) {
      Atomics.store(m, this.#sleep, 0)
      setImmediate(this.#turn)
      return
    }
    const wait = Atomics.waitAsync(m, this.#sleep, 1)
    if (wait.async) wait.value.then(this.#turn)
    else setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    this.#pending = false
    const callback = this.#callback
    if (callback === null) return
    try {
      if (this.#isReadable()) callback()
    } catch (error) {
      // An uncaught exception, as from any other callback of the loop, and not a rejected promise.
      process.nextTick(() => {
        throw error
      })
    }
    if (this.#callback !== null && !this.#pending) this.#arm()
  }

  #hold(): void {
    if (this.#held) this.#keepAlive ??= setInterval(() => undefined, forever)
  }

  #release(): void {
    if (this.#keepAlive !== null) clearInterval(this.#keepAlive)
    this.#keepAlive = null
  }

  /** Ends the wait, so that nothing of it outlives the port. */
  #wakeSelf(): void {
    Atomics.store(this.#m, this.#sleep, 0)
    Atomics.notify(this.#m, this.#sleep)
  }
}
