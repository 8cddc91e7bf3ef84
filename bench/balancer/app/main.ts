import { parentPort } from 'node:worker_threads'
import { createApp } from './app.ts'

/**
 * An ordinary server, which knows nothing of balancers. BENCH_PORT is its port; any port if it is
 * not set.
 */
const { BENCH_PORT: port = '0', BENCH_REUSE_PORT } = process.env
const reusePort = BENCH_REUSE_PORT === '1'
const server = createApp().listen({ port: Number(port), host: '127.0.0.1', backlog: 4096, reusePort }, () => {
  // With reusePort, nobody else knows when the server listens, so it tells.
  if (reusePort) parentPort ? serveAsThread() : process.send?.('listening')
})

function serveAsThread(): void {
  parentPort?.postMessage('listening')
  parentPort?.once('message', () => {
    server.close()
    parentPort?.unref()
  })
}
