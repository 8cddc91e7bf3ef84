import { type Layout, own, port, txWindow, word } from './layout.ts'

/**
 * Commands in the top byte of a tx record's last word, with libdlb's values. A release has its
 * count in the first word.
 */
export const Command = { release: 2, enqueue: 8, forward: 10 } as const

/**
 * The domain's credits. Each credit is in one of four places: free; in a port's allowance (the
 * credits in its tx word, which it may spend without asking); on a queued event; or on a received
 * event whose port's head has not been read since.
 *
 * The number of free credits is private to the holder of the lock, and not journaled: after a
 * thread's death it is recounted.
 */
export class Credits {
  readonly #m: Int32Array
  readonly #layout: Layout
  /** The allowance to which a port that sends is refilled. */
  readonly #target: number

  constructor(memory: Int32Array, layout: Layout) {
    this.#m = memory
    this.#layout = layout
    this.#target = Math.min(txWindow, Math.max(8, layout.config.credits >> 3))
  }

  /** Takes back the credits of the events that port `p` has received. */
  reclaim(p: number): void {
    const m = this.#m
    const at = this.#layout.own + p * own.stride
    const head = Atomics.load(m, this.#layout.port + p * port.stride + port.head)
    m[word.creditsFree] += (head - m[at + own.reclaimed]) | 0
    m[at + own.reclaimed] = head
    m[at + own.headSeen] = head
  }

  /**
   * Refills the allowance of a port that sends. Other ports' allowances are revoked only if this
   * port has run dry and is the one that asks. A port that is refilled because a pass has touched
   * it gets no credits of other ports.
   */
  grant(p: number, asks: boolean): void {
    const m = this.#m
    const tx = this.#layout.port + p * port.stride + port.tx
    const allowance = Atomics.load(m, tx) >>> 16
    const need = this.#target - allowance
    if (need * 2 < this.#target) return
    if (m[word.creditsFree] < need) this.#reclaimAll()
    if (asks && m[word.creditsFree] === 0 && allowance === 0) this.#revokeOthers(p)
    const given = Math.min(need, m[word.creditsFree])
    if (given === 0) return
    m[word.creditsFree] -= given
    let seen = Atomics.load(m, tx)
    for (;;) {
      const before = Atomics.compareExchange(m, tx, seen, (seen + (given << 16)) | 0)
      if (before === seen) return
      seen = before
    }
  }

  /**
   * Counts the free credits: all that are in none of the other places. Ports may go on meanwhile,
   * because a send moves a credit within one word.
   */
  recount(): void {
    const m = this.#m
    const { credits } = this.#layout.config
    let held = credits - ((m[word.freeTail] - m[word.freeHead]) | 0)
    for (let p = 0; p < this.#layout.ports; p++) {
      const at = this.#layout.own + p * own.stride
      const tx = Atomics.load(m, this.#layout.port + p * port.stride + port.tx)
      held += (tx >>> 16) + ((m[at + own.tail] - m[at + own.reclaimed]) | 0)
      for (let i = m[at + own.txHead]; i !== (tx & 0xffff); i = (i + 1) & 0xffff) {
        const record = m[at + own.txRing] + (i & m[at + own.txMask]) * 4
        if (m[record + 3] >>> 24 !== Command.release) held++
      }
    }
    m[word.creditsFree] = credits - held
  }

  #reclaimAll(): void {
    for (let p = 0; p < this.#layout.ports; p++) this.reclaim(p)
  }

  #revokeOthers(p: number): void {
    const m = this.#m
    for (let i = 0; i < this.#layout.ports; i++) {
      if (i === p) continue
      const tx = this.#layout.port + i * port.stride + port.tx
      let seen = Atomics.load(m, tx)
      while (seen >>> 16 !== 0) {
        const before = Atomics.compareExchange(m, tx, seen, seen & 0xffff)
        if (before === seen) m[word.creditsFree] += seen >>> 16
        seen = before === seen ? seen & 0xffff : before
      }
    }
  }
}
