import os from 'node:os'
import tty from 'node:tty'

export interface SignalActions {
  drain(signal: NodeJS.Signals): void
  /** The second signal, of any of the two. */
  cut(): void
  reload(): void
  /** null: SIGUSR2 ends the process, as without us; tools that restart servers send it for that. */
  readonly stats: (() => void) | null
}

const SIGNAL_EXIT_BASE = 128

/** SIGINT and SIGTERM: the first drains, the second cuts. SIGHUP reloads, unless it says that the terminal is gone. SIGUSR2 asks for the figures (SIGUSR1 is Node's debugger's). */
export class Signals {
  readonly #actions: SignalActions
  readonly #handlers: Map<NodeJS.Signals, () => void>
  readonly #received: NodeJS.Signals[] = []
  readonly #terminals = [0, 1, 2].filter((fd) => tty.isatty(fd))

  constructor(actions: SignalActions) {
    this.#actions = actions
    this.#handlers = new Map<NodeJS.Signals, () => void>([
      ['SIGINT', () => this.#end('SIGINT')],
      ['SIGTERM', () => this.#end('SIGTERM')],
      ['SIGHUP', () => this.#hangUp()],
    ])
    if (actions.stats) this.#handlers.set('SIGUSR2', actions.stats)
    for (const [signal, handler] of this.#handlers) process.on(signal, handler)
  }

  get received(): boolean {
    return this.#received.length > 0
  }

  /** As if the signal had killed the process, if it was told twice to end; else null. */
  get exitCode(): number | null {
    return this.#received.length > 1 ? this.#codeOfLast() : null
  }

  /** The same for a process that was told once to end, and had not started. */
  get startExitCode(): number | null {
    return this.received ? this.#codeOfLast() : null
  }

  close(): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler)
  }

  /** Of a terminal that was closed, nothing is left that is one. */
  #hangUp(): void {
    if (this.#terminals.every((fd) => tty.isatty(fd))) this.#actions.reload()
    else this.#end('SIGHUP')
  }

  #end(signal: NodeJS.Signals): void {
    this.#received.push(signal)
    if (this.#received.length === 1) this.#actions.drain(signal)
    else this.#actions.cut()
  }

  #codeOfLast(): number {
    const last = this.#received[this.#received.length - 1]
    return SIGNAL_EXIT_BASE + os.constants.signals[last]
  }
}
