import { NodeDlbError } from '../../errors.ts'
import type { Events } from '../events.ts'
import type { Roster } from './roster.ts'

export interface RollingReport {
  /** Workers that were started. */
  readonly started: number
  /** Workers that were ended. */
  readonly ended: number
  /** Connections of the ended workers that were open at the deadline. */
  readonly cut: number
}

/**
 * Changes the workers while traffic flows, one change after the other. A worker gets connections
 * once its server listens, and gets no new ones from the moment at which it is to end. What it was
 * dealt and has not adopted goes to other workers.
 *
 * Main thread.
 */
export class RollingRestart {
  readonly #roster: Pick<Roster, 'current' | 'hasVacancy' | 'add' | 'remove'>
  readonly #events: Events
  #last: Promise<unknown> = Promise.resolve()
  #isOver = false

  constructor(roster: Pick<Roster, 'current' | 'hasVacancy' | 'add' | 'remove'>, events: Events) {
    this.#roster = roster
    this.#events = events
  }

  /** Starts workers, or ends those with the highest numbers, until there are `workers` of them. */
  resize(workers: number): Promise<RollingReport> {
    return this.#next(async () => {
      const { current } = this.#roster
      const missing = Math.max(0, workers - current.length)
      await this.#add(missing)
      const cut = await Promise.all(current.slice(workers).map((worker) => this.#roster.remove(worker)))
      return { started: missing, ended: cut.length, cut: sum(cut) }
    })
  }

  /**
   * Replaces each worker by a new one that runs the entry as it is now. If a new worker does not
   * come to listen, the worker that it was to replace and all later ones stay.
   */
  reload(): Promise<RollingReport> {
    return this.#next(async () => {
      const { current } = this.#roster
      const cut: number[] = []
      for (const worker of current) cut.push(await this.#replace(worker))
      return { started: current.length, ended: current.length, cut: sum(cut) }
    })
  }

  /** Cancels the changes that have not begun. */
  stop(): void {
    this.#isOver = true
  }

  /** Starts all at the same time, since they do not depend on each other. */
  async #add(count: number): Promise<void> {
    const results = await Promise.allSettled(Array.from({ length: count }, () => this.#roster.add()))
    const failed = results.find(({ status }) => status === 'rejected')
    if (failed) throw (failed as PromiseRejectedResult).reason
  }

  async #replace(worker: number): Promise<number> {
    this.#checkOpen()
    // If the device has no port for one more worker, the new worker can start only after the old
    // one has gone.
    const isFirst = this.#roster.hasVacancy
    let successor = isFirst ? await this.#roster.add() : -1
    this.#checkOpen()
    const cut = await this.#roster.remove(worker)
    if (!isFirst) {
      this.#checkOpen()
      successor = await this.#roster.add()
    }
    this.#events.emit('worker-replaced', { worker, by: successor })
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

  /** @throws ERR_DLB_CLOSED */
  #checkOpen(): void {
    if (this.#isOver)
      throw new NodeDlbError('ERR_DLB_CLOSED', 'the balancer is closing: its workers are not changed any more')
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
