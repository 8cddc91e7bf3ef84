/**
 * The signals for which the workers' apps have handlers, told by the workers
 * (worker/process/app-signals.ts). Whoever has the process's signals, the command or a program,
 * listens for these, and has them passed on. Main thread.
 */
export class AppSignals {
  readonly #workers = new Map<NodeJS.Signals, Set<number>>()
  readonly #onChange: (signal: NodeJS.Signals, handled: boolean) => void

  /** `onChange`: the first worker has a handler, or the last has taken its back. */
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
   * Its thread has ended. If it has a successor, a signal that comes before that has its handlers
   * must not kill the process: it counts as handled, by nobody.
   */
  ended(worker: number, hasSuccessor: boolean): void {
    for (const [signal, workers] of [...this.#workers]) {
      if (hasSuccessor) workers.delete(worker)
      else this.unhandled(worker, signal)
    }
  }
}
