import type { Ledger } from '../../ledger/ledger.ts'
import type { Events } from '../events.ts'
import type { Cuts } from '../stats/cuts.ts'
import type { WorkerThread } from './worker-thread.ts'

const CHECK_MS = 10

/** The workers to be ended. */
export interface Drained {
  /** Their threads that live at this moment. */
  readonly threads: readonly WorkerThread[]
}

export interface DrainParts {
  readonly drained: Drained
  /** The signal, which apps with a handler for it are told. */
  readonly signal: NodeJS.Signals
  /** Milliseconds until the connections that are left are cut. */
  readonly timeout: number
  readonly ledger: Ledger
  readonly cuts: Cuts
  readonly events: Events
}

/**
 * Ends workers without cutting connections that finish in time: the apps are told to finish, and
 * each thread ends once its last connection is closed. Connections that are open at the deadline
 * are cut.
 */
export class Drain {
  readonly #parts: DrainParts
  /** Workers that have closed their servers, and end once they are idle. */
  readonly #closing = new Set<number>()
  #deadline: number

  constructor(parts: DrainParts) {
    this.#parts = parts
    this.#deadline = performance.now() + parts.timeout
  }

  /** Whether the deadline has passed. */
  get isOver(): boolean {
    return performance.now() >= this.#deadline
  }

  /** Moves the deadline to `timeout` ms from now if that is earlier. */
  hurry(timeout: number): void {
    this.#deadline = Math.min(this.#deadline, performance.now() + timeout)
  }

  /**
   * Called when the worker has closed its servers. It is never called for a worker whose app has
   * its own handler of the signal: such a worker ends itself.
   */
  closing(worker: number): void {
    this.#closing.add(worker)
  }

  /**
   * Waits until `ready` is true or the deadline has passed, and then drains.
   * @returns how many of the workers' connections were cut
   */
  async run(ready: () => boolean = () => true): Promise<number> {
    const { drained, signal } = this.#parts
    if (!ready()) for (const thread of drained.threads) thread.post({ type: 'ending' })
    // Without workers, nobody will adopt the connections that wait.
    await this.#until(() => ready() || drained.threads.length === 0)
    // The deadline is sent on the clock of `Date.now()`, because each thread's performance.now()
    // starts at another time.
    const deadline = Math.round(Date.now() + this.#deadline - performance.now())
    for (const thread of drained.threads) thread.post({ type: 'drain', signal, deadline })
    await this.#until(() => this.#endIdle())
    const left = drained.threads
    const cut = left.reduce((sum, thread) => sum + this.#countCut(thread), 0)
    await Promise.all(left.map((thread) => thread.terminate()))
    return cut
  }

  #countCut({ index, terminated }: WorkerThread): number {
    const { ledger, cuts, events } = this.#parts
    const { active } = ledger.counters.ofWorker(index)
    // If another drain is ending the thread, it has counted the thread's connections.
    if (terminated || active === 0) return 0
    cuts.countOpen(index, active)
    events.emit('cut', { worker: index, connections: active })
    return active
  }

  /** @returns whether all threads are gone */
  #endIdle(): boolean {
    const { ledger, drained } = this.#parts
    for (const thread of drained.threads) {
      const { index } = thread
      if (ledger.counters.ofWorker(index).active > 0 || !this.#closing.delete(index)) continue
      thread.post({ type: 'exit' })
    }
    return drained.threads.length === 0
  }

  /**
   * Waits until `isDone`, or until the deadline. It polls by a timer, because the counts are in
   * shared memory and nothing tells when they change.
   */
  async #until(isDone: () => boolean): Promise<void> {
    if (isDone()) return
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (!isDone() && !this.isOver) return
        clearInterval(timer)
        resolve()
      }, CHECK_MS)
    })
  }
}
