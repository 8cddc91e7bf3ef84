import type { Ledger } from './ledger.ts'
import type { Supervisor } from './supervisor.ts'

const CHECK_MS = 10

/**
 * Ends the workers so that no connection is cut that finishes in time: first what is still in the device is served,
 * then the apps are told to finish, and each worker ends once its last connection is closed. What is left at the
 * deadline is cut.
 */
export class Drain {
  readonly #ledger: Ledger
  readonly #supervisor: Supervisor
  readonly #signal: NodeJS.Signals
  /** Workers that have closed their servers, and end once they are idle. */
  readonly #closing = new Set<number>()
  #deadline: number

  constructor(ledger: Ledger, supervisor: Supervisor, signal: NodeJS.Signals, timeout: number) {
    this.#ledger = ledger
    this.#supervisor = supervisor
    this.#signal = signal
    this.#deadline = performance.now() + timeout
  }

  /** Moves the deadline, earlier only. */
  hurry(timeout: number): void {
    this.#deadline = Math.min(this.#deadline, performance.now() + timeout)
  }

  /** The worker's servers are closed. One whose app has its own handler of the signal never says so: it ends itself. */
  closing(worker: number): void {
    this.#closing.add(worker)
  }

  /** @returns how many connections were cut. */
  async run(): Promise<number> {
    this.#supervisor.stopRespawning()
    // Without workers, nobody will take what waits.
    await this.#until(() => this.#ledger.counts().inFlight === 0 || this.#supervisor.running.length === 0)
    this.#supervisor.broadcast({ type: 'drain', signal: this.#signal })
    await this.#until(() => this.#endIdle())
    const { inFlight, active } = this.#ledger.counts()
    await this.#supervisor.terminate()
    return inFlight + active
  }

  /** @returns whether all are gone */
  #endIdle(): boolean {
    for (const { index, thread } of this.#supervisor.running) {
      if (this.#ledger.workerCounts(index).active > 0 || !this.#closing.delete(index)) continue
      thread?.post({ type: 'exit' })
    }
    return this.#supervisor.running.length === 0
  }

  /** Ends at the deadline in any case. The counts are in shared memory, and nobody tells of a change: hence the timer. */
  async #until(isDone: () => boolean): Promise<void> {
    if (isDone()) return
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (!isDone() && performance.now() < this.#deadline) return
        clearInterval(timer)
        resolve()
      }, CHECK_MS)
    })
  }
}
