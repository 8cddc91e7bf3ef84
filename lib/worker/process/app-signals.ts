import type { EventEmitter } from 'node:events'
import type { Control } from '../control.ts'

/**
 * Signals in a worker. The process gets them, whose main thread alone is told; and
 * `process.on('SIGUSR2')` in a worker is a listener like any other, which nothing ever calls. So
 * this thread tells main for which signals its app has a handler, main listens for these, and
 * passes on what comes.
 *
 * The worker's thread. Main has an order of its own for each signal: see
 * balancer/workers/app-signals.ts.
 */

/** Nobody can handle them. */
const UNHANDLED = ['SIGKILL', 'SIGSTOP']

/**
 * Main knows of a handler before `process.on` returns: a signal that the app sends to itself in the
 * next line would kill the process otherwise.
 */
export function tellOfHandlers(control: Control): void {
  const handles = (signal: NodeJS.Signals): void => {
    try {
      control.call({ type: 'handle', signal })
    } catch {
      // Main's loop is blocked: it will know once it is not.
    }
  }
  // Modules that --import or --require names have run already.
  process.eventNames().filter(isSignal).forEach(handles)
  process.on('newListener', (event) => {
    if (isSignal(event) && process.listenerCount(event) === 0) handles(event)
  })
  process.on('removeListener', (event) => {
    if (isSignal(event) && process.listenerCount(event) === 0) control.post({ type: 'unhandle', signal: event })
  })
}

/**
 * Calls the app's handlers of the signal. One that sends it again to its own process wants to die
 * of it, which here would hit all workers: at once (the signal-exit package does so, which only
 * cleans up) it means that the app leaves the signal to us; later, when it has no handler any more,
 * that the app is done, which ends this worker.
 *
 * @param exitCode of the worker then: 0 if the app ends of its own will, and is to stay away
 * @returns whether the app has handled it; else it has no handler, or one that only cleans up.
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

/** Signals that the app was told of, with the exit code for one that dies of them. */
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
