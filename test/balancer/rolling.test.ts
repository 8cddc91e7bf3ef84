import { EventEmitter, once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { setImmediate as immediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { RollingRestart } from '../../lib/balancer/workers/rolling-restart.ts'
import { type Balancer, type BalancerEvents, type BalancerOptions, startBalancer } from '../../lib/index.ts'
import { get, portOf, ways } from '../clients.ts'
import { source } from '../programs.ts'

/** Workers are added, ended and replaced while traffic flows, and no request fails. */

const nightly = process.env.NODE_DLB_NIGHTLY === '1'
const RELOADS = nightly ? 50 : 4

if (nightly) t.setTimeout(600_000)

for (const policy of ways) {
  t.test(`${RELOADS} reloads under load: no request fails (${policy})`, async (t) => {
    const { balancer, file } = await start(t, { workers: 2, policy })
    const load = new Load(portOf(balancer))
    for (let version = 1; version <= RELOADS; version++) {
      fs.writeFileSync(file, `v${version}`)
      const { started, ended, cut } = await balancer.reload()
      t.strictSame({ started, ended, cut }, { started: 2, ended: 2, cut: 0 })
      t.equal((await get(portOf(balancer))).body, `v${version}`, 'all workers run the new version')
    }
    const { answered, failures } = await load.end()
    t.strictSame(failures, [])
    t.ok(answered > 0, `${answered} answered`)
    const { stats } = await balancer.close()
    t.match(stats.connections, { refused: 0, shed: 0, inFlight: 0, active: 0 })
    t.equal(stats.connections.accepted, stats.connections.adopted)
  })

  t.test(`resize up and down under load: no request fails (${policy})`, async (t) => {
    const { balancer } = await start(t, { workers: 1, maxWorkers: 4, policy })
    const load = new Load(portOf(balancer))
    const listening = (): number => balancer.stats().workers.filter((worker) => worker.listening).length
    for (const workers of [4, 2, 3, 1]) {
      const before = listening()
      const { started, ended, cut } = await balancer.resize(workers)
      t.strictSame([started, ended, cut], [Math.max(0, workers - before), Math.max(0, before - workers), 0])
      t.equal(listening(), workers)
    }
    const { failures } = await load.end()
    t.strictSame(failures, [])
  })
}

t.test('a reload whose new version fails leaves the old workers', async (t) => {
  const { balancer, file } = await start(t, { workers: 2 })
  const port = portOf(balancer)
  fs.writeFileSync(file, 'broken')
  await t.rejects(balancer.reload(), {
    code: 'ERR_DLB_ENTRY_FAILED',
    workerError: /this version is broken/,
    exitCode: 1,
  })
  t.equal((await get(port)).body, 'v0')
  t.match(balancer.health(), { status: 'ok', problems: [] })
  t.strictSame(
    balancer.stats().workers.map(({ state }) => state),
    ['running', 'running', 'vacant'],
  )
  fs.writeFileSync(file, 'v1')
  t.match(await balancer.reload(), { ended: 2 })
  t.equal((await get(port)).body, 'v1')
})

t.test('a worker that does not listen is named, and gets nothing', async (t) => {
  const { balancer, file } = await start(t, { workers: 1, maxWorkers: 2, startTimeout: 5000 })
  fs.writeFileSync(file, 'mute')
  const message = /^worker_1 did not listen within 5 s/
  const resized = balancer.resize(2)
  resized.catch(() => undefined)
  t.equal((await get(portOf(balancer))).body, 'v0')
  await t.rejects(resized, { code: 'ERR_DLB_TIMEOUT', message })
  t.equal(balancer.health().status, 'ok')
  t.equal(balancer.stats().workers[1].adopted, 0)
})

t.test('changes wait for each other; closing ends them', async (t) => {
  const { balancer } = await start(t, { workers: 1, maxWorkers: 3 })
  const done: string[] = []
  await Promise.all([
    balancer.resize(3).then(() => done.push('three')),
    balancer.reload().then(({ ended }) => done.push(`${ended} replaced`)),
    balancer.resize(1).then(({ ended }) => done.push(`${ended} ended`)),
  ])
  t.strictSame(done, ['three', '3 replaced', '2 ended'])
  const reload = t.rejects(balancer.reload(), { code: 'ERR_DLB_CLOSED' })
  const resize = t.rejects(balancer.resize(2), { code: 'ERR_DLB_CLOSED' })
  await balancer.close()
  await Promise.all([reload, resize])
  await t.rejects(balancer.reload(), { code: 'ERR_DLB_CLOSED' })
})

t.test(
  'a worker that is being replaced when the balancer closes is told once, and what is cut is counted once',
  async (t) => {
    const told = new Int32Array(new SharedArrayBuffer(16))
    const entry = source('test/balancer/fixtures/told.cjs')
    const { balancer } = await start(t, { entry, workers: 1, workerData: { told: told.buffer } })
    const client = net.connect(portOf(balancer), '127.0.0.1')
    await once(client, 'data')
    const closed = new Promise((resolve) => client.on('error', resolve).once('close', resolve))
    const reload = balancer.reload()
    await Atomics.waitAsync(told, 1, 0).value
    const { cut, stats } = await balancer.close({ timeout: 100 })
    t.strictSame([...told.subarray(0, 2)], [1, 1])
    t.equal(cut, 1)
    t.equal((await reload.catch(() => ({ cut: 0 }))).cut, 0)
    t.match(stats, { connections: { cut: 1 }, workers: [{ worker: 0, cut: 1 }, { cut: 0 }] })
    await closed
  },
)

t.test('resize refuses what is not between 1 and maxWorkers', async (t) => {
  const { balancer } = await start(t, { workers: 1, maxWorkers: 2 })
  for (const workers of [0, 3, 1.5, '2' as unknown as number]) {
    t.throws(() => balancer.resize(workers), { code: 'ERR_DLB_INVALID_ARGUMENT', message: /from 1 to 2/ })
  }
})

t.test('with all places taken, a reload ends each worker before it starts the next', async (t) => {
  const steps: string[] = []
  const roster = {
    current: [0, 1],
    hasVacancy: false,
    add: async () => steps.push('added'),
    remove: async (worker: number) => {
      steps.push(`removed ${worker}`)
      return 1
    },
  }
  const events = new EventEmitter<BalancerEvents>()
  events.on('worker-replaced', ({ worker, by }) => steps.push(`replaced ${worker} by ${by}`))
  const rolling = new RollingRestart(roster, events)
  t.strictSame(await rolling.reload(), { started: 2, ended: 2, cut: 2 })
  t.strictSame(steps, ['removed 0', 'added', 'replaced 0 by 2', 'removed 1', 'added', 'replaced 1 by 5'])
})

async function start(t: Test, options: Partial<BalancerOptions>): Promise<{ balancer: Balancer; file: string }> {
  const file = path.join(t.testdir(), 'version')
  fs.writeFileSync(file, 'v0')
  const entry = source('test/balancer/fixtures/versioned.cjs')
  const balancer = await startBalancer({ entry, execArgv: [], workerData: { file }, ...options })
  balancer.on('worker-exit', () => undefined)
  t.teardown(() => balancer.close({ timeout: 0 }))
  return { balancer, file }
}

/**
 * Clients that ask one request after the other, on connections of their own or on kept ones, until
 * the end.
 */
class Load {
  readonly #failures: string[] = []
  readonly #clients: readonly Promise<void>[]
  #answered = 0
  #over = false

  constructor(port: number) {
    const kept = Array.from({ length: 8 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }))
    this.#clients = [
      ...kept.map((agent) => this.#ask(port, '/', agent)),
      ...[0, 1, 2, 3].map(() => this.#ask(port, '/', false)),
      ...[0, 1, 2, 3].map(() => this.#ask(port, '/slow', false)),
      this.#ask(port, '/slow', new http.Agent({ keepAlive: true, maxSockets: 1 })),
    ]
  }

  async end(): Promise<{ answered: number; failures: readonly string[] }> {
    this.#over = true
    await Promise.all(this.#clients)
    return { answered: this.#answered, failures: this.#failures }
  }

  async #ask(port: number, url: string, agent: http.Agent | false): Promise<void> {
    while (!this.#over) {
      try {
        await get(port, url, agent)
        this.#answered++
      } catch (error) {
        this.#failures.push(`${url} ${agent ? 'kept' : 'new'}: ${(error as Error).message}`)
      }
      await immediate()
    }
    if (agent) agent.destroy()
  }
}
