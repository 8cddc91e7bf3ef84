import type { NativeAddon } from '../../native.ts'
import { Backlog } from './backlog.ts'
import { ConsumerQueues } from './consumer-queues.ts'
import { Credits } from './credits.ts'
import { Dispatcher } from './dispatcher.ts'
import { Flows } from './flows.ts'
import { Journal, Phase } from './journal.ts'
import { type Layout, own, port, queue, word } from './layout.ts'
import { Order } from './order.ts'
import { PortCommands } from './port-commands.ts'
import { wakeSleeper } from './readable.ts'
import type { Threads } from './threads.ts'

/** The most passes in a row that a thread that came to send or receive makes for other threads. */
const maxPasses = 64
/** The most events that one tx release record completes. It bounds what one step journals. */
export const releaseChunk = 16
const retryMilliseconds = 10
const nobody = -1
/**
 * The number of calls after which a thread reads the clock once, if it never returns to its loop,
 * and so to its timer.
 */
const callsPerClockRead = 256

/**
 * Scheduling. The threads that send, receive or release do it.
 *
 *     port ── tx ring ──► [ pass: empty tx rings, complete, dispatch, publish ] ── CQ ──► port
 *
 * A port never waits. It writes its own ring, sets its dirty bit and tries the lock. The thread
 * that gets the lock makes passes until no dirty bit is left; a thread that does not get it leaves
 * its work to the holder.
 *
 * Invariant: no work is lost. The port sets its bit before it tries the lock. The holder reads the
 * bits after it has released the lock. If the try failed, the holder reads the bits later and sees
 * this one, unless another holder has taken it. A holder that dies, or has made enough passes, does
 * not read them: for that case, a thread whose try failed tries again itself, from a timer and at
 * its next call.
 *
 * Invariant: no room is lost. A port that receives calls the scheduler only if the backlog word
 * says that events wait for room. The holder sets the word before it reads the heads for the last
 * time; the port moves its head before it reads the word. Both are sequentially consistent, so one
 * of them sees the other. Releases set the dirty bit before they read the word, and the holder
 * reads the bits after it has set the word. A port whose CQ is not yet empty need not call: it will
 * receive again, and any pass meanwhile reads its head.
 *
 * Invariant: no wake-up is lost. The sleeper sets its sleep word, then reads its tail once more.
 * The holder moves the tail, then reads the sleep word.
 *
 * Death: the lock names its holder. When that thread has ended, the next one takes the lock over
 * and repairs the state: it rolls an unfinished pass back or publishes it again (journal.ts),
 * recounts the credits, wakes all sleepers, and marks all ports. If no other thread was at work, no
 * thread's try has failed; then the call that recovers the dead thread's port is the next to take
 * the lock.
 */
export class Scheduler {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #thread: number
  readonly #threads: Threads
  readonly #addon: NativeAddon | null
  readonly #journal: Journal
  readonly #queues: ConsumerQueues
  readonly #dispatcher: Dispatcher
  readonly #commands: PortCommands
  readonly #credits: Credits
  readonly #dirtyWords: number
  #retryTimer: NodeJS.Timeout | null = null
  #calls = 0
  #retryAt = 0

  constructor(memory: Int32Array, layout: Layout, thread: number, threads: Threads, addon: NativeAddon | null) {
    this.#m = memory
    this.#layout = layout
    this.#thread = thread
    this.#threads = threads
    this.#addon = addon
    this.#journal = new Journal(memory, layout)
    const backlog = new Backlog(memory, layout, this.#journal)
    this.#queues = new ConsumerQueues(memory, layout, this.#journal)
    const flows = new Flows(memory, layout, this.#journal, backlog)
    const order = new Order(memory, layout, this.#journal)
    const parts = [memory, layout, this.#journal, backlog, flows, order, this.#queues] as const
    this.#dispatcher = new Dispatcher(...parts)
    this.#commands = new PortCommands(...parts, this.#dispatcher)
    this.#credits = new Credits(memory, layout)
    this.#dirtyWords = Math.ceil(layout.ports / 32)
  }

  /** For threads that poll in a tight loop: does what the timer would do if the loop let it run. */
  poll(): void {
    if (this.#retryTimer === null || ++this.#calls % callsPerClockRead !== 0) return
    if (performance.now() >= this.#retryAt) this.#retry()
  }

  /** Notes that port `p` has something new. Scheduling can wait until somebody needs it. */
  mark(p: number): void {
    const at = word.dirty + (p >> 5)
    // If the bit is already set, a holder will clear it, and handles the port after that.
    if ((Atomics.load(this.#m, at) & (1 << (p & 31))) === 0) Atomics.or(this.#m, at, 1 << (p & 31))
  }

  /** Notes that port `p` has something new, and schedules now. */
  kick(p: number): void {
    this.mark(p)
    this.run(p)
  }

  /**
   * Makes passes until there is nothing more to do, unless another thread makes them.
   * @param p the port that asks, if one does
   */
  run(p: number = nobody): void {
    try {
      this.#makePasses(p)
    } catch {
      // The caller's stack may be full. The caller's own work is done. The timer continues the
      // scheduling, and an error would be thrown there.
      this.#retryLater()
    }
  }

  /**
   * Takes back the oldest events that a port without a thread holds, each as if it had been
   * released.
   * @param each is called with the word where an event is; nothing is published before its last
   *   call
   * @returns how many events were taken back
   */
  recover(p: number, max: number, each: (source: number) => void): number {
    this.#lockAndTakeIn(p)
    const m = this.#m
    const at = this.#layout.own + p * own.stride
    const head = this.#layout.port + p * port.stride + port.head
    const directed = p >= this.#layout.config.loadBalancedPorts
    this.#beginPass()
    this.#queues.touch(p)
    let n = 0
    let next = directed ? Atomics.load(m, head) : m[at + own.completed]
    while (n < max && next !== m[at + own.tail] && !this.#journal.nearlyFull()) {
      each(m[at + own.ring] + (next & m[at + own.ringMask]) * 4)
      if (!directed) this.#commands.complete(p, -1)
      next = (next + 1) | 0
      n++
    }
    // Events beyond the head count as received now. No other thread moves the head of a port
    // without a thread.
    if (((next - Atomics.load(m, head)) | 0) > 0) Atomics.store(m, head, next)
    this.#publish(nobody)
    this.#credits.reclaim(p)
    // The next thread that attaches the port has to release the rest: all that was posted has been
    // taken in.
    if (!directed) m[this.#layout.port + p * port.stride + port.done] = m[at + own.completed]
    Atomics.store(m, word.lock, 0)
    this.run()
    return n
  }

  /**
   * Takes in all commands that the thread of port `p`, which has ended, has posted.
   * @returns whether that thread released all that it received, so that another thread can continue
   *   with the port
   */
  settle(p: number): boolean {
    this.#lockAndTakeIn(p)
    const m = this.#m
    const pub = this.#layout.port + p * port.stride
    const completed = m[this.#layout.own + p * own.stride + own.completed]
    const settled = p >= this.#layout.config.loadBalancedPorts || completed === Atomics.load(m, pub + port.head)
    if (settled) m[pub + port.done] = completed
    Atomics.store(m, word.lock, 0)
    this.run()
    return settled
  }

  /** Does what the timer would do, for the last time. */
  close(): void {
    if (this.#retryTimer === null) return
    this.#retry()
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer)
  }

  #retryLater(): void {
    if (this.#retryTimer !== null) {
      this.poll()
      return
    }
    this.#retryAt = performance.now() + retryMilliseconds
    this.#retryTimer = setTimeout(() => this.#retry(), retryMilliseconds).unref()
  }

  #retry(): void {
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer)
    this.#retryTimer = null
    const holder = Atomics.load(this.#m, word.lock)
    if (holder !== 0) this.#takeOver(holder)
    this.#makePasses(nobody)
  }

  #makePasses(asking: number): void {
    for (let i = 0; i < maxPasses; i++) {
      if (!this.#tryLock()) break
      const more = this.#safePass(asking)
      Atomics.store(this.#m, word.lock, 0)
      if (!more && !this.#anyDirty()) return
    }
    this.#retryLater()
  }

  #lockAndTakeIn(p: number): void {
    this.mark(p)
    this.#lock()
    let more = true
    while (more) more = this.#safePass(nobody)
  }

  /**
   * Takes the lock for work that cannot be left to the holder. It waits for at most a few passes,
   * or until a dying holder has ended.
   */
  #lock(): void {
    while (!this.#tryLock()) {
      const holder = Atomics.load(this.#m, word.lock)
      if (holder === 0) continue
      Atomics.wait(this.#m, word.lock, holder, 1)
      this.#takeOver(holder)
    }
  }

  #tryLock(): boolean {
    const holder = Atomics.compareExchange(this.#m, word.lock, 0, this.#thread)
    if (holder === 0) return true
    if (holder === this.#thread) {
      // An exception left a pass of this very thread unfinished, and its repair too.
      this.#mend()
      return true
    }
    return false
  }

  /** Frees the lock if its holder has ended. */
  #takeOver(holder: number): void {
    if (this.#threads.alive(holder)) return
    if (Atomics.compareExchange(this.#m, word.lock, holder, this.#thread) !== holder) return
    this.#mend()
    Atomics.store(this.#m, word.lock, 0)
  }

  #anyDirty(): boolean {
    for (let w = 0; w < this.#dirtyWords; w++) if (Atomics.load(this.#m, word.dirty + w) !== 0) return true
    return false
  }

  /** Makes a pass. An exception, such as a stack overflow, must not leave it half done. */
  #safePass(asking: number): boolean {
    try {
      return this.#pass(asking)
    } catch (error) {
      this.#mend()
      Atomics.store(this.#m, word.lock, 0)
      throw error
    }
  }

  /** @returns whether another pass is needed */
  #pass(asking: number): boolean {
    const m = this.#m
    this.#beginPass()
    let more = false
    let asked = false
    if (this.#layout.config.sequenceNumberSlots > 0) this.#flushOrdered()
    for (let w = 0; w < this.#dirtyWords; w++) {
      if (Atomics.load(m, word.dirty + w) === 0) continue
      for (let bits = Atomics.exchange(m, word.dirty + w, 0); bits !== 0; bits &= bits - 1) {
        const p = w * 32 + 31 - Math.clz32(bits & -bits)
        if (p === asking) asked = true
        else if (!this.#takeIn(p)) more = true
      }
    }
    // The asking port comes last, so that it profits from what other ports have released.
    if (asked && !this.#takeIn(asking)) more = true
    if (m[word.queued] > 0) {
      // This comes before heads are read for the last time: see "no room is lost".
      if (m[word.backlog] === 0) Atomics.store(m, word.backlog, 1)
      this.#queues.rereadHeads()
      if (!this.#dispatcher.dispatch()) more = true
    }
    if (this.#journal.nearlyFull()) more = true
    this.#publish(asking)
    return more
  }

  #beginPass(): void {
    this.#journal.begin()
    this.#queues.forgetTouched()
    this.#queues.rereadHeads()
  }

  #flushOrdered(): void {
    for (let q = 0; q < this.#layout.config.loadBalancedQueues; q++) {
      if (this.#m[this.#layout.queue + q * queue.stride + queue.sequenceNumbers] > 0) this.#commands.flush(q)
    }
  }

  /** @returns false if the pass has to end before all is taken; then the next one continues */
  #takeIn(p: number): boolean {
    this.#credits.reclaim(p)
    const tail = Atomics.load(this.#m, this.#layout.port + p * port.stride + port.tx) & 0xffff
    if (this.#commands.takeIn(p, tail)) return true
    this.mark(p)
    return false
  }

  /** Makes the outcome of the pass visible. It may be repeated from any point. */
  #publish(asking: number): void {
    const m = this.#m
    const queues = this.#queues
    this.#journal.publishing()
    for (let i = 0; i < queues.touchedCount; i++) {
      const p = queues.touchedPort(i)
      this.#publishPort(p)
      this.#refill(p, p === asking)
    }
    queues.forgetTouched()
    if (m[word.queued] === 0 && m[word.backlog] !== 0) Atomics.store(m, word.backlog, 0)
    this.#journal.end()
  }

  #publishPort(p: number): void {
    const m = this.#m
    const at = this.#layout.own + p * own.stride
    const pub = this.#layout.port + p * port.stride
    if (m[pub + port.txHead] !== m[at + own.txHead]) Atomics.store(m, pub + port.txHead, m[at + own.txHead])
    if (m[pub + port.tail] === m[at + own.tail]) return
    Atomics.store(m, pub + port.tail, m[at + own.tail])
    if (Atomics.load(m, pub + port.sleep) !== 0) this.#wake(pub)
  }

  #wake(pub: number): void {
    wakeSleeper(this.#m, pub, this.#addon)
  }

  #refill(p: number, asks: boolean): void {
    const sends = this.#layout.port + p * port.stride + port.sends
    if (this.#m[sends] !== 0) this.#credits.grant(p, asks)
  }

  /** Repairs what a holder left that ended in a pass. The caller has the lock. */
  #mend(): void {
    const m = this.#m
    if (m[word.phase] === Phase.working) this.#journal.rollBack()
    this.#queues.forgetTouched()
    for (let p = 0; p < this.#layout.ports; p++) {
      this.#publishPort(p)
      const pub = this.#layout.port + p * port.stride
      // The thread is woken even if its CQ has not changed, because the dead holder may have
      // cleared the sleep word without sending the notification.
      this.#wake(pub)
      this.mark(p)
    }
    this.#journal.end()
    this.#credits.recount()
    Atomics.store(m, word.backlog, 1)
  }
}
