import { NodeDlbError } from '../../errors.ts'

/** What `Rolling` changes. Main thread. */
export interface Roster {
  /** Workers that run, or are to run again. */
  current(): number[]
  /** How many more there can be at the same time. */
  room(): number
  /**
   * Starts one more. @returns its number, once it listens. @throws why it did not; it is gone then.
   */
  add(): Promise<number>
  /** Drains it, and ends it. @returns how many of its connections were cut. */
  remove(worker: number): Promise<number>
  /** One of a reload's workers was replaced. */
  replaced(worker: number, by: number): void
}

export interface RollingReport {
  /** Workers that were started. */
  readonly started: number
  /** Workers that were ended. */
  readonly ended: number
  /** Connections of theirs that were open at the deadline. */
  readonly cut: number
}

/**
 * Changes of the workers while traffic flows, one after the other: a worker gets connections once
 * its server listens, and from the moment it is to end it gets no more. What it was dealt and has
 * not adopted goes to the others.
 */
export class Rolling {
  readonly #roster: Roster
  #last: Promise<unknown> = Promise.resolve()
  #over = false

  constructor(roster: Roster) {
    this.#roster = roster
  }

  /** Those with the highest numbers go. */
  resize(workers: number): Promise<RollingReport> {
    return this.#next(async () => {
      const current = this.#roster.current()
      const missing = Math.max(0, workers - current.length)
      await this.#add(missing)
      const cut = await Promise.all(current.slice(workers).map((worker) => this.#roster.remove(worker)))
      return { started: missing, ended: cut.length, cut: sum(cut) }
    })
  }

  /**
   * Each by a new one that runs the entry as it is now. If one does not listen, its predecessor and
   * the rest stay.
   */
  reload(): Promise<RollingReport> {
    return this.#next(async () => {
      const current = this.#roster.current()
      const cut: number[] = []
      for (const worker of current) cut.push(await this.#replace(worker))
      return { started: current.length, ended: current.length, cut: sum(cut) }
    })
  }

  /** What has not begun does not begin. */
  stop(): void {
    this.#over = true
  }

  /** All at the same time: they do not depend on each other. */
  async #add(count: number): Promise<void> {
    const results = await Promise.allSettled(Array.from({ length: count }, () => this.#roster.add()))
    const failed = results.find(({ status }) => status === 'rejected')
    if (failed) throw (failed as PromiseRejectedResult).reason
  }

  async #replace(worker: number): Promise<number> {
    this.#checkOpen()
    // With as many workers as the device has ports, there is no place for the new one before the
    // old one has gone.
    const first = this.#roster.room() > 0
    let successor = first ? await this.#roster.add() : -1
    this.#checkOpen()
    const cut = await this.#roster.remove(worker)
    if (!first) {
      this.#checkOpen()
      successor = await this.#roster.add()
    }
    this.#roster.replaced(worker, successor)
    return cut
  }

  #next<T>(change: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(() => {
      this.#checkOpen()
      return change()
    })
    this.#last = mine.catch(() => undefined)
    return mine
  }

  #checkOpen(): void {
    if (this.#over)
      throw new NodeDlbError('ERR_DLB_CLOSED', 'the balancer is closing: its workers are not changed any more')
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
