import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { reservePort } from './reserve-port.ts'
import { appMain, args, serve, spec } from './serve.ts'

/** argv: rr, none, or reuse-port. */
const reusePort = args[0] === 'reuse-port'
let workers: Worker[] = []
let port = 0
let env: Record<string, string> = {}

cluster.schedulingPolicy = args[0] === 'rr' ? cluster.SCHED_RR : cluster.SCHED_NONE
cluster.setupPrimary({ exec: fileURLToPath(appMain), args: [] })

await serve(async () => {
  const reserved = reusePort ? await reservePort() : null
  port = reserved?.port ?? 0
  if (reserved) env = { BENCH_PORT: String(port), BENCH_REUSE_PORT: '1' }
  workers = await Promise.all(Array.from({ length: spec.workers }, fork))
  reserved?.release()
  return { port, reload: replaceAll }
})

async function fork(): Promise<Worker> {
  const worker = cluster.fork(env)
  // With reusePort the primary takes no part in listening, and node:cluster emits no event.
  if (reusePort) await once(worker, 'message')
  else [{ port }] = (await once(worker, 'listening')) as [AddressInfo]
  return worker
}

/**
 * This replaces workers in the usual way: the new one listens before the old one is told to finish.
 */
async function replaceAll(): Promise<void> {
  for (const [i, worker] of workers.entries()) {
    workers[i] = await fork()
    const gone = once(worker, 'exit')
    worker.disconnect()
    await gone
  }
}
