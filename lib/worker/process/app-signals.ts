import type { EventEmitter } from 'node:events'
import type { Control } from '../control.ts'

/**
 * Signals in a worker. The process gets signals, and only its main thread is told;
 * `process.on('SIGUSR2')` in a worker adds a listener that nothing ever calls. So this thread tells
 * main for which signals its app has handlers, and main listens for these signals and passes them
 * on.
 *
 * The worker's thread. For main's side, see balancer/workers/app-signals.ts.
 */

/** No process can handle these signals. */
const UNHANDLED = ['SIGKILL', 'SIGSTOP']

/**
 * Tells main of the app's handlers. Main knows of a handler before `process.on` returns; otherwise
 * a signal that the app sends to itself in the next line would kill the process.
 */
export function tellOfHandlers(control: Control): void {
  const handles = (signal: NodeJS.Signals): void => {
    try {
      control.call({ type: 'handle', signal })
    } catch {
      // Main's loop is blocked. It learns of the handler once it is not.
    }
  }
  // Modules that --import or --require names have run already, and may have added handlers.
  process.eventNames().filter(isSignal).forEach(handles)
  process.on('newListener', (event) => {
    if (isSignal(event) && process.listenerCount(event) === 0) handles(event)
  })
  process.on('removeListener', (event) => {
    if (isSignal(event) && process.listenerCount(event) === 0) control.post({ type: 'unhandle', signal: event })
  })
}

/**
 * Calls the app's handlers of the signal. A handler that sends the signal again to its own process
 * wants to die of it, which here would end all workers. If it does so at once (as the signal-exit
 * package does, which only cleans up), the app leaves the signal to us. If it does so later, when
 * it has no handler any more, the app is done, and this worker ends.
 *
 * @param exitCode the worker's exit code in the latter case: 0 if the app ends of its own will, and
 *   has no successor
 * @returns whether the app has handled the signal; false if it has no handler, or only handlers
 *   that clean up
 */
export function callHandlers(signal: NodeJS.Signals, exitCode: number): boolean {
  if (process.listenerCount(signal) === 0) return false
  const call = { signal, raised: false }
  watchKill()
  told.set(signal, exitCode)
  calling = call
  try {
    ;(process as EventEmitter).emit(signal, signal, numberOf(signal))
  } finally {
    calling = null
  }
  return !call.raised
}

/** The signals that the app was told of, each with the exit code for an app that dies of it. */
const told = new Map<NodeJS.Signals, number>()
let calling: { readonly signal: NodeJS.Signals; raised: boolean } | null = null
let watching = false

function watchKill(): void {
  if (watching) return
  watching = true
  const { kill } = process
  process.kill = (pid, what) => {
    const signal = [...told.keys()].find((name) => what === name || what === numberOf(name))
    if (pid !== process.pid || !signal) return kill.call(process, pid, what)
    if (calling?.signal === signal) {
      calling.raised = true
      return true
    }
    if (process.listenerCount(signal) > 0) return kill.call(process, pid, what)
    return process.exit(told.get(signal))
  }
}

function isSignal(event: string | symbol): event is NodeJS.Signals {
  if (typeof event !== 'string' || !event.startsWith('SIG')) return false
  return numberOf(event as NodeJS.Signals) !== undefined && !UNHANDLED.includes(event)
}

export function numberOf(signal: NodeJS.Signals): number {
  return process.getBuiltinModule('node:os').constants.signals[signal]
}
