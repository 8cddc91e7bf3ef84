/**
 * The signals for which the workers' apps have handlers, as the workers report them
 * (worker/process/app-signals.ts). Whoever owns the process's signals, the command or another
 * program, listens for these signals and has them passed on. Main thread.
 */
export class AppSignals {
  readonly #workers = new Map<NodeJS.Signals, Set<number>>()
  readonly #onChange: (signal: NodeJS.Signals, handled: boolean) => void

  /**
   * @param onChange is called when the first worker has a handler, and when the last worker has
   *   removed its handler
   */
  constructor(onChange: (signal: NodeJS.Signals, handled: boolean) => void) {
    this.#onChange = onChange
  }

  workersFor(signal: NodeJS.Signals): readonly number[] {
    return [...(this.#workers.get(signal) ?? [])]
  }

  handled(worker: number, signal: NodeJS.Signals): void {
    const workers = this.#workers.get(signal)
    if (workers) {
      workers.add(worker)
      return
    }
    this.#workers.set(signal, new Set([worker]))
    this.#onChange(signal, true)
  }

  unhandled(worker: number, signal: NodeJS.Signals): void {
    const workers = this.#workers.get(signal)
    workers?.delete(worker)
    if (workers?.size !== 0) return
    this.#workers.delete(signal)
    this.#onChange(signal, false)
  }

  /**
   * Called when the worker's thread has ended. If it has a successor, a signal that comes before
   * the successor has its handlers must not kill the process. So the signal still counts as
   * handled, even if no worker has a handler.
   */
  ended(worker: number, hasSuccessor: boolean): void {
    for (const [signal, workers] of [...this.#workers]) {
      if (hasSuccessor) workers.delete(worker)
      else this.unhandled(worker, signal)
    }
  }
}
