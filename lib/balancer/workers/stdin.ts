import type { WorkerThread } from './worker-thread.ts'

/**
 * Gives a worker that reads its stdin this process's. Every worker that asks gets all of it from
 * then on, since each runs the whole app. Reading starts with the first one, because it has effects
 * of its own on a terminal. Each app has to handle an error of the stream itself.
 */
export function passStdin(thread: WorkerThread): void {
  const { stdin } = process
  const { worker } = thread
  const sink = worker.stdin
  if (sink === null) return
  if (stdin.readableEnded || stdin.destroyed) {
    sink.end()
    return
  }
  const fail = ({ message, code, errno, syscall }: NodeJS.ErrnoException): void =>
    thread.post({ type: 'stdin-failed', message, properties: { code, errno, syscall } })
  stdin.on('error', fail)
  stdin.pipe(sink)
  worker.once('exit', () => {
    stdin.off('error', fail)
    stdin.unpipe(sink)
  })
}
