import fs from 'node:fs'
import type { WriteStream } from 'node:tty'
import { Output } from '../../output.ts'
import type { Control } from '../control.ts'

type Stdio = NodeJS.WriteStream | Output | WriteStream

/**
 * Lets this worker's `process.stdout` and `process.stderr`, and the console, write to the process's
 * own descriptors. The streams that Node gives to a worker send everything to the main thread. Then
 * the main thread's streams get errors that the app should get; the app sees no terminals; and
 * pipes become non-blocking.
 *
 * When the worker ends, output that still waits is left to the main thread.
 */
export function openStdio(control: Control): void {
  define('stdout', 1, control)
  define('stderr', 2, control)
}

function define(name: 'stdout' | 'stderr', fd: 1 | 2, control: Control): void {
  const stream = passReads(process[name], open(fd, control))
  const get = (): Stdio => stream
  Object.defineProperty(process, name, { configurable: true, enumerable: true, get })
  // Code that ran before, by --import, may have used the console, which keeps the stream that it
  // has found.
  Object.defineProperty(console, `_${name}`, { configurable: true, get })
}

function open(fd: 1 | 2, control: Control): Stdio {
  if (fs.fstatSync(fd).isCharacterDevice()) {
    const tty = process.getBuiltinModule('node:tty')
    if (tty.isatty(fd)) return openTerminal(new tty.WriteStream(fd))
  }
  const output = new Output(fd, true)
  process.once('exit', () => output.leaveTo((data) => control.post({ type: 'output', fd, data })))
  return output
}

/**
 * Does what Node does in the main thread. libuv opens the terminal once more, so closing it, or
 * writing to it, does not affect other threads.
 */
function openTerminal(terminal: WriteStream): WriteStream {
  terminal.unref()
  process.on('SIGWINCH', () => (terminal as unknown as { _refreshSize(): void })._refreshSize())
  return terminal
}

/**
 * Passes reads on. Code that found Node's own stream earlier writes to that stream, and the main
 * thread reads what it writes. Node reports these reads to the stream that replaces it, by a method
 * with an undocumented symbol.
 */
function passReads(own: Stdio, stream: Stdio): Stdio {
  for (const symbol of Object.getOwnPropertySymbols(Object.getPrototypeOf(own))) {
    const method: unknown = own[symbol as keyof Stdio]
    if (typeof method === 'function') Object.defineProperty(stream, symbol, { value: method.bind(own) })
  }
  return stream
}
