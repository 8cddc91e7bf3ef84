import os from 'node:os'
import tty from 'node:tty'

export interface SignalActions {
  drain(signal: NodeJS.Signals): void
  /** Called at the second signal that ends the process. */
  cut(): void
  reload(): void
  /** Called at SIGUSR2. `passed` is true if the app has handlers for it, which were called. */
  stats(passed: boolean): void
  /** Calls the app's own handlers. @returns whether it has any */
  pass(signal: NodeJS.Signals): boolean
}

const SIGNAL_EXIT_BASE = 128

/**
 * Milliseconds after the first signal that ends the process in which another one counts as the
 * same. `timeout` and npm send a signal to the process and to its group; a terminal's Ctrl-C
 * reaches npm and its children, and npm passes it on.
 */
export const SAME_SIGNAL_MS = 500

/**
 * Signals that the command keeps listening for once it has begun to. Node makes their default
 * action harmless, but removing a listener would make it fatal again.
 */
const KEPT: readonly NodeJS.Signals[] = ['SIGPIPE', 'SIGUSR1']

/**
 * What the process's signals do. The command's own signals:
 *
 * - SIGINT and SIGTERM: the first drains (or calls the app's handler, if there is one), the second
 *   cuts
 * - SIGHUP: reloads, unless the app has a handler for it; if the terminal is gone, it drains or
 *   cuts
 * - SIGUSR2: writes the figures, and calls the app's handlers, too
 *
 * The command listens for other signals while the app has handlers for them, and passes them on.
 */
export class Signals {
  readonly #actions: SignalActions
  readonly #handlers = new Map<NodeJS.Signals, () => void>()
  readonly #received: NodeJS.Signals[] = []
  readonly #terminals = [0, 1, 2].filter((fd) => tty.isatty(fd))
  readonly #now: () => number
  #firstAt = 0
  /** Signals that were passed on and that no worker has raised since. */
  readonly #passed = new Set<NodeJS.Signals>()

  /** @param now a clock, in milliseconds */
  constructor(actions: SignalActions, now: () => number = () => performance.now()) {
    this.#actions = actions
    this.#now = now
    this.#on('SIGINT', () => this.#end('SIGINT'))
    this.#on('SIGTERM', () => this.#end('SIGTERM'))
    this.#on('SIGHUP', () => this.#hangUp())
    this.#on('SIGUSR2', () => actions.stats(this.#pass('SIGUSR2')))
  }

  get received(): boolean {
    return this.#received.length > 0
  }

  /**
   * The exit code of a process that the last signal has killed, if the process was told twice to
   * end; else null.
   */
  get exitCode(): number | null {
    return this.#received.length > 1 ? this.#codeOfLast() : null
  }

  /** The same exit code, for a process that was told once to end before it had started. */
  get startExitCode(): number | null {
    return this.received ? this.#codeOfLast() : null
  }

  /** Sets whether the app has handlers for the signal. */
  setHandled(signal: NodeJS.Signals, handled: boolean): void {
    if (isOurs(signal)) return
    if (!handled && !KEPT.includes(signal)) this.#off(signal)
    if (handled && !this.#handlers.has(signal)) this.#on(signal, () => this.#pass(signal))
  }

  /**
   * Called when a worker's handlers of the signal only cleaned up and raised it again. The signal
   * then has the effect that it has without handlers, once for all workers.
   */
  raised(signal: NodeJS.Signals): void {
    if (!this.#passed.delete(signal)) return
    if (signal === 'SIGHUP') this.#actions.reload()
    if (isOurs(signal)) return
    this.#off(signal)
    process.kill(process.pid, signal)
  }

  #on(signal: NodeJS.Signals, handler: () => void): void {
    this.#handlers.set(signal, handler)
    process.on(signal, handler)
  }

  #off(signal: NodeJS.Signals): void {
    const handler = this.#handlers.get(signal)
    if (handler) process.off(signal, handler)
    this.#handlers.delete(signal)
  }

  #pass(signal: NodeJS.Signals): boolean {
    const passed = this.#actions.pass(signal)
    if (passed) this.#passed.add(signal)
    return passed
  }

  /** Handles SIGHUP. If one of the process's terminals is no terminal now, it was closed. */
  #hangUp(): void {
    if (!this.#terminals.every((fd) => tty.isatty(fd))) this.#end('SIGHUP')
    else if (!this.#pass('SIGHUP')) this.#actions.reload()
  }

  #end(signal: NodeJS.Signals): void {
    const now = this.#now()
    if (this.received && now - this.#firstAt < SAME_SIGNAL_MS) return
    if (!this.received) this.#firstAt = now
    this.#received.push(signal)
    if (this.#received.length === 1) this.#actions.drain(signal)
    else this.#actions.cut()
  }

  #codeOfLast(): number {
    const last = this.#received[this.#received.length - 1]
    return SIGNAL_EXIT_BASE + os.constants.signals[last]
  }
}

function isOurs(signal: NodeJS.Signals): boolean {
  return ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'].includes(signal)
}
