import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { reservePort } from './reserve-port.ts'
import { appMain, serve, spec } from './serve.ts'

/**
 * Each thread has a listening socket of its own, and the kernel chooses by a hash of the addresses.
 */
let env: NodeJS.ProcessEnv = {}
let workers: Worker[] = []

await serve(async () => {
  const { port, release } = await reservePort()
  env = { ...process.env, BENCH_PORT: String(port), BENCH_REUSE_PORT: '1' }
  workers = await Promise.all(Array.from({ length: spec.workers }, start))
  release()
  return { port, reload: replaceAll }
})

async function start(): Promise<Worker> {
  const worker = new Worker(appMain, { env })
  await once(worker, 'message')
  return worker
}

async function replaceAll(): Promise<void> {
  for (const [i, worker] of workers.entries()) {
    workers[i] = await start()
    const gone = once(worker, 'exit')
    worker.postMessage('close')
    await gone
  }
}
