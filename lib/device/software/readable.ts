import { AsyncResource } from 'node:async_hooks'
import type { NativeAddon } from '../../native.ts'
import { port } from './layout.ts'

/** Long enough to be none; a timer holds the loop open, which waiting does not. */
const forever = 2 ** 31 - 1
/**
 * What wakes a port may be a request of the app's, whose context is not to reach what the port has
 * for others.
 */
const noContext = new AsyncResource('DLBWAKE')
/**
 * This thread's wakers, each with what it calls: a thread that wakes itself is awake, and needs no
 * system call for it.
 */
const ownWakers = new Map<number, () => void>()

/**
 * Calls back on its thread's loop while a port's CQ is not empty.
 *
 * The sleep protocol: set the sleep word, look at the tail once more, then wait to be woken. The
 * scheduler moves the tail before it reads the word; so either the look sees the event, or the
 * scheduler sees the word and wakes (`wakeSleeper`).
 *
 * What is waited for is the addon's waker, a handle of this thread's loop whose number is beside
 * the sleep word, and was before that was set: waking it is never lost, may come late, and means
 * nothing if nobody waits. Without the addon it is `Atomics.waitAsync`, which checks for the value
 * that was set: a wake in between makes it return at once. It takes longer, by what V8 does to
 * bring a promise to another thread.
 */
export class Readable {
  readonly #m: Int32Array
  readonly #sleep: number
  readonly #wakerWord: number
  readonly #addon: NativeAddon | null
  readonly #isReadable: () => boolean
  #callback: (() => void) | null = null
  #keepAlive: NodeJS.Timeout | null = null
  #held = true
  /**
   * A wait or an immediate that will call `#turn` is under way. One is enough, whatever the
   * callback is by then.
   */
  #pending = false
  /** The wait is for the waker. */
  #asleep = false
  /** While there is a callback; 0 if there is none. */
  #waker = 0

  /** @param pub the port's public words */
  constructor(memory: Int32Array, pub: number, addon: NativeAddon | null, isReadable: () => boolean) {
    this.#m = memory
    this.#sleep = pub + port.sleep
    this.#wakerWord = pub + port.waker
    this.#addon = addon
    this.#isReadable = isReadable
  }

  set(callback: (() => void) | null): void {
    this.#callback = callback
    if (callback === null) {
      this.#release()
      this.#endWait()
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
    if (this.#addon !== null && this.#waker === 0) {
      this.#waker = this.#addon.openWaker(this.#woken)
      ownWakers.set(this.#waker, this.#woken)
      Atomics.store(m, this.#wakerWord, this.#waker)
    }
    Atomics.store(m, this.#sleep, 1)
    if (this.#isReadable()) {
      Atomics.store(m, this.#sleep, 0)
      setImmediate(this.#turn)
    } else if (this.#addon === null) this.#waitAsync()
    // The look may have found that the domain is closed, and ended it.
    else if (this.#callback === null) this.#pending = false
    else this.#asleep = true
  }

  #waitAsync(): void {
    const wait = Atomics.waitAsync(this.#m, this.#sleep, 1)
    // On a turn of its own: what the callback throws is an uncaught exception, and not a rejected
    // promise.
    if (wait.async) wait.value.then(() => setImmediate(this.#turn))
    else setImmediate(this.#turn)
  }

  readonly #woken = (): void => {
    if (!this.#asleep) return
    this.#asleep = false
    this.#turn()
  }

  readonly #turn = (): void => {
    this.#pending = false
    const callback = this.#callback
    if (callback === null) return
    try {
      if (this.#isReadable()) callback()
    } finally {
      if (this.#callback !== null && !this.#pending) this.#arm()
    }
  }

  #hold(): void {
    if (this.#held) this.#keepAlive ??= setInterval(() => undefined, forever)
  }

  #release(): void {
    if (this.#keepAlive !== null) clearInterval(this.#keepAlive)
    this.#keepAlive = null
  }

  /** So that nothing of it outlives the port. */
  #endWait(): void {
    Atomics.store(this.#m, this.#sleep, 0)
    if (this.#addon === null) {
      Atomics.notify(this.#m, this.#sleep)
      return
    }
    if (this.#waker !== 0) {
      Atomics.store(this.#m, this.#wakerWord, 0)
      ownWakers.delete(this.#waker)
      this.#addon.closeWaker(this.#waker)
      this.#waker = 0
    }
    if (this.#asleep) this.#pending = false
    this.#asleep = false
  }
}

/**
 * Wakes the thread of the port whose public words are at `pub`, if it sleeps. Any thread; all of a
 * domain have the addon, or none has.
 */
export function wakeSleeper(memory: Int32Array, pub: number, addon: NativeAddon | null): void {
  Atomics.store(memory, pub + port.sleep, 0)
  if (addon === null) {
    Atomics.notify(memory, pub + port.sleep)
    return
  }
  const waker = Atomics.load(memory, pub + port.waker)
  const woken = ownWakers.get(waker)
  if (woken) noContext.runInAsyncScope(setImmediate, null, woken)
  else if (waker !== 0) addon.wake(waker)
}
