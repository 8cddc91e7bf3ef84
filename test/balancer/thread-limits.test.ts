import http from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { BalancerOptions, BalancerStats } from '../../lib/index.ts'
import { get } from '../clients.ts'
import { cli, runNode, source } from '../programs.ts'
import { asUser, Limited } from './limits.ts'

/** There are no threads, or no descriptors, for a worker: real limits of a real process. */

const entry = source('test/integration/fixtures/lifecycle.cjs')
const delays = { respawnDelay: 10, maxRespawnDelay: 50 }

async function start(t: Test, options: Partial<BalancerOptions> = {}): Promise<{ limited: Limited; port: number }> {
  const limited = await Limited.start(t)
  const [address] = await limited.call<AddressInfo[]>('start', { entry, workers: 2, ...delays, ...options })
  return { limited, port: address.port }
}

async function untilAllListen(limited: Limited): Promise<void> {
  for (;;) {
    const { workers } = await limited.call<BalancerStats>('stats')
    if (workers.every(({ listening }) => listening)) return
  }
}

const lacks = [
  {
    what: 'nproc',
    of: 'threads',
    most: 1,
    error: /^the thread of worker_[01] cannot be started: EAGAIN \(.*ulimit -u/,
  },
  { what: 'nofile', of: 'descriptors', most: 3, error: /^Error \[ERR_WORKER_INIT_FAILED\]: .*EMFILE/ },
] as const

for (const { what, of, most, error } of lacks) {
  t.test(`a worker that cannot be respawned for want of ${of} is tried again until there are some`, async (t) => {
    const { limited, port } = await start(t)
    // A connection that is open already needs no descriptor.
    const agent = new http.Agent({ keepAlive: true })
    t.teardown(() => agent.destroy())
    await get(port, '/', agent)
    limited.limit(what, most)
    await get(port, '/exit', agent).catch(() => undefined)
    const death = await limited.untilDied(({ error }) => error !== null)
    t.match(death, { code: 1, error })
    await limited.untilDied(({ respawnIn }) => respawnIn === 50)
    t.match(await limited.call('health'), {
      status: 'degraded',
      problems: [/^worker_[01] has died .* waits to be started/],
    })
    limited.unlimit(what)
    await untilAllListen(limited)
    t.ok((await get(port)).body, 'the others have served all along')
    const { workers } = await limited.call<BalancerStats>('stats')
    t.ok(
      workers.some(({ deaths }) => deaths >= 3),
      'each try is counted',
    )
    const { cut } = await limited.call<{ cut: number }>('close')
    t.equal(cut, 0)
  })

  t.test(`a start for which there are no ${of} is refused for that`, async (t) => {
    const limited = await Limited.start(t)
    const options = { entry, workers: 2 }
    // What the first one needs once for all is there then.
    await limited.call('start', options)
    await limited.call('close')
    limited.limit(what, most)
    await t.rejects(limited.call('start', options), { code: 'ERR_DLB_THREAD_FAILED', message: /fewer workers/ })
    limited.unlimit(what)
    t.ok(await limited.call('start', options), 'nothing is left in its way')
    await limited.call('close')
  })
}

t.test('resize() and reload() for which there are no threads are refused, and the workers stay', async (t) => {
  const { limited, port } = await start(t, { workers: 1, maxWorkers: 3 })
  limited.limit('nproc', 1)
  await t.rejects(limited.call('resize', 3), { code: 'ERR_DLB_THREAD_FAILED' })
  await t.rejects(limited.call('reload'), { code: 'ERR_DLB_THREAD_FAILED' })
  t.ok((await get(port)).body)
  t.match(await limited.call('health'), { status: 'ok' })
  limited.unlimit('nproc')
  t.match(await limited.call('reload'), { started: 1, ended: 1 })
  t.match(await limited.call('resize', 3), { started: 2, ended: 0 })
  await limited.call('close')
})

t.test('the command says what is lacking, and that is no wrong usage', async (t) => {
  const lower = source('test/balancer/fixtures/lower-limit.cjs')
  const { code, stderr } = await runNode(['--require', lower, cli, 'run', entry, '-w', '2'], {}, asUser)
  t.equal(code, 1)
  t.match(stderr, /^node-dlb: the thread of worker_0 cannot be started: EAGAIN \(.*fewer workers\)\n$/)
})
