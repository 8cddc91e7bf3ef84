import { AsyncResource } from 'node:async_hooks'
import type { NativeAddon } from '../../native.ts'
import { port } from './layout.ts'

/**
 * The interval of a timer whose only purpose is to keep the loop alive, because waiting does not.
 */
const forever = 2 ** 31 - 1
/**
 * An empty async context: a port may be woken in the course of one of the app's requests, whose
 * context must not reach the events that the port gets from other threads.
 */
const noContext = new AsyncResource('DLBWAKE')
/**
 * This thread's wakers, each with its callback. A thread that wakes itself is awake, and needs no
 * system call to do so.
 */
const ownWakers = new Map<number, () => void>()

/**
 * Calls back on its thread's loop while a port's CQ is not empty.
 *
 * The sleep protocol: set the sleep word, read the tail once more, then wait to be woken. The
 * scheduler moves the tail before it reads the word.
 *
 * Invariant: no wake-up is lost. Either this thread sees the event in the tail, or the scheduler
 * sees the word and wakes it (`wakeSleeper`).
 *
 * With the addon, the thread waits for a waker: a handle of this thread's loop, whose number was
 * stored beside the sleep word before that was set. A call of the waker is never lost, may come
 * late, and does nothing if the thread does not wait. Without the addon, the thread waits in
 * `Atomics.waitAsync`, which checks the sleep word: if the thread was woken in between, it returns
 * at once. This takes longer, because of what V8 does to settle a promise for another thread.
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
   * Whether a wait or an immediate is under way that will call `#turn`. One is enough, even if the
   * callback changes meanwhile.
   */
  #pending = false
  /** Whether the wait that is under way is for the waker. */
  #asleep = false
  /** The waker's number while there is a callback; 0 if there is no waker. */
  #waker = 0

  /** @param pub the first of the port's public words */
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
    // `#isReadable` may have found that the domain is closed, and removed the callback.
    else if (this.#callback === null) this.#pending = false
    else this.#asleep = true
  }

  #waitAsync(): void {
    const wait = Atomics.waitAsync(this.#m, this.#sleep, 1)
    // The callback gets a turn of its own, so that what it throws is an uncaught exception and not
    // a rejected promise.
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

  /** Ends the wait, so that it does not outlive the port. */
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
 * Wakes the thread of the port whose public words are at `pub`, if the thread sleeps. Any thread
 * can call this. Either all threads of a domain have the addon, or none has.
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
