import type { WorkerThread } from './worker-thread.ts'

/**
 * Pipes this process's stdin to a worker that reads its own. Each worker runs the whole app, so
 * each one that asks gets all data from then on. Reading begins when the first worker asks, because
 * reading a terminal has effects of its own. Each app has to handle an error of the stream itself.
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
