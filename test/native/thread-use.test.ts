import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { loadAddon, type NativeThread } from '../../lib/native.ts'
import { until } from '../deadline.ts'

/** What other threads do, by their numbers. */

const { threadCpu, isReady } = loadAddon()
const fixture = new URL('./fixtures/used-worker.js', import.meta.url)

t.test('a thread that waits in its loop is ready, and uses no CPU time', async (t) => {
  const { number, pollFd } = await start(t, 'idle')
  let used = Number.NaN
  await until('it is ready, and uses no CPU time', () => {
    used = cpuWithin(number, 3)
    return isReady(number, pollFd) && used === 0
  })
  t.equal(used, 0)
})

t.test('a thread that computes is ready, and its CPU time grows', async (t) => {
  const { number, pollFd } = await start(t, 'computing')
  const before = threadCpu(number)
  await until('it has used 5 ms of CPU time', () => threadCpu(number) >= before + 5)
  t.equal(isReady(number, pollFd), true)
})

t.test('a thread that sleeps in something else than its loop is not ready', async (t) => {
  for (const how of ['waiting', 'child'] as const) {
    const { number, pollFd } = await start(t, how)
    // It may not sleep yet, or wake for a moment.
    await until('it is not ready', () => !isReady(number, pollFd))
    t.pass(how)
  }
})

t.test('of a thread that has ended, and of no thread, nothing is known', async (t) => {
  const { number, pollFd, worker } = await start(t, 'idle')
  await worker.terminate()
  await until('its CPU time is unknown', () => threadCpu(number) < 0)
  t.equal(isReady(number, pollFd), false)
  t.ok(threadCpu(0) < 0)
  t.ok(threadCpu(-1) < 0)
  t.equal(isReady(0, pollFd), false)
})

async function start(t: Test, how: string): Promise<NativeThread & { worker: Worker }> {
  const worker = new Worker(fixture, { workerData: how, execArgv: [] })
  t.teardown(() => worker.terminate())
  const [thread] = (await once(worker, 'message')) as [NativeThread]
  return { ...thread, worker }
}

/** What the thread used in so many ms. */
function cpuWithin(number: number, ms: number): number {
  const before = threadCpu(number)
  const until = performance.now() + ms
  while (performance.now() < until);
  return threadCpu(number) - before
}
