import type { Worker } from 'node:worker_threads'
import type { ToWorker } from '../../protocol.ts'

type StdinFailure = Extract<ToWorker, { type: 'stdin-failed' }>

/**
 * Gives a worker that reads its stdin this process's. Every worker that asks gets all of it from
 * then on, since each runs the whole app. Reading starts with the first one: it has effects of its
 * own on a terminal. An error of it is the app's to handle, in each of them.
 */
export function passStdin(worker: Worker, onError: (failure: StdinFailure) => void): void {
  const { stdin } = process
  const sink = worker.stdin
  if (sink === null) return
  if (stdin.readableEnded || stdin.destroyed) {
    sink.end()
    return
  }
  const fail = ({ message, code, errno, syscall }: NodeJS.ErrnoException): void =>
    onError({ type: 'stdin-failed', message, properties: { code, errno, syscall } })
  stdin.on('error', fail)
  stdin.pipe(sink)
  worker.once('exit', () => {
    stdin.off('error', fail)
    stdin.unpipe(sink)
  })
}
