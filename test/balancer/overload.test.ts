import http from 'node:http'
import t, { type Test } from 'tap'
import {
  type Balancer,
  type BalancerOptions,
  reportOverloaded,
  startBalancer,
  type WorkerStats,
} from '../../lib/index.ts'
import { get, portOf } from '../clients.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

/** A worker that has too much to do gets no new connections, until it has recovered. */

for (const policy of ['unordered', 'least-connections', 'exact'] as const) {
  t.test(`a worker that reports itself overloaded gets nothing until it takes that back (${policy})`, async (t) => {
    const balancer = await start(t, { policy })
    const port = portOf(balancer)
    const kept = keptConnection(t)
    const { body: thread } = await get(port, '/overload', kept)
    const worker = (): WorkerStats => workerOf(balancer, thread)
    await untilHeld(worker, true)
    for (let i = 0; i < 20; i++) t.not((await get(port)).body, thread)
    await get(port, '/recover', kept)
    await untilHeld(worker, false)
    await until('it serves again', async () => (await get(port)).body === thread)
  })
}

t.test('when all are overloaded, connections wait', async (t) => {
  const balancer = await start(t, {})
  const port = portOf(balancer)
  const kept = new Map<string, http.Agent>()
  await until('both workers are told', async () => {
    const agent = keptConnection(t)
    const { body } = await get(port, '/overload', agent)
    return kept.set(body, agent).size === 2
  })
  await until('all workers are held', () => balancer.stats().workers.every(({ held }) => held.length > 0))
  let answered = false
  const waiting = get(port).then(({ body }) => {
    answered = true
    return body
  })
  const [[thread, agent]] = kept
  for (let i = 0; i < 100; i++) await get(port, '/', agent)
  t.equal(answered, false)
  await get(port, '/recover', agent)
  t.equal(await waiting, thread)
})

t.test('a worker whose event loop is late gets nothing until it has recovered', async (t) => {
  const balancer = await start(t, { maxEventLoopDelay: 20 })
  const port = portOf(balancer)
  const kept = keptConnection(t)
  const { body: thread } = await get(port, '/busy', kept)
  const worker = (): WorkerStats => workerOf(balancer, thread)
  await untilHeld(worker, true)
  for (let i = 0; i < 20; i++) t.not((await get(port)).body, thread)
  await get(port, '/idle', kept)
  await untilHeld(worker, false)
})

t.test('reportOverloaded refuses what is no boolean, and other threads', (t) => {
  t.throws(() => reportOverloaded(true), { code: 'ERR_DLB_NOT_A_WORKER', message: /^reportOverloaded\(\) works in/ })
  t.throws(() => reportOverloaded(1 as unknown as boolean), { code: 'ERR_DLB_INVALID_ARGUMENT' })
  t.end()
})

async function start(t: Test, options: Partial<BalancerOptions>): Promise<Balancer> {
  const entry = source('test/balancer/fixtures/overload.mjs')
  const balancer = await startBalancer({ entry, workers: 2, execArgv: [], ...options })
  t.teardown(() => balancer.close({ timeout: 0 }))
  return balancer
}

function keptConnection(t: Test): http.Agent {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return agent
}

function workerOf(balancer: Balancer, thread: string): WorkerStats {
  const found = balancer.stats().workers.find(({ threadId }) => String(threadId) === thread)
  if (!found) throw new Error(`no worker with thread ${thread}`)
  return found
}

async function untilHeld(worker: () => WorkerStats, held: boolean): Promise<void> {
  const what = held ? 'the worker is overloaded' : 'the worker has recovered'
  await until(what, () => worker().held.includes('overloaded') === held)
}
