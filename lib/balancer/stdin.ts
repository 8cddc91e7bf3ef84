import type { Worker } from 'node:worker_threads'

/**
 * Gives a worker that reads its stdin this process's. Every worker that asks gets all of it from then on, since each
 * runs the whole app. Reading starts with the first one: it has effects of its own on a terminal.
 */
export function passStdin(worker: Worker): void {
  const { stdin } = process
  const sink = worker.stdin
  if (sink === null) return
  if (stdin.readableEnded || stdin.destroyed) {
    sink.end()
    return
  }
  stdin.pipe(sink)
  worker.once('exit', () => stdin.unpipe(sink))
}
