import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import t from 'tap'
import type { BalancerStats } from '../../lib/index.ts'
import { get } from '../clients.ts'
import { until } from '../deadline.ts'
import { cli, Lines, source } from '../programs.ts'

/**
 * The process runs out of descriptors, while two threads take whatever becomes free: every client
 * ends, and nothing is leaked.
 */

const LIMIT = 96
const CLIENTS = 200
const SAMPLES = 100

for (const policy of ['unordered', 'round-robin'] as const) {
  t.test(`${CLIENTS} clients of a process with ${LIMIT} descriptors, all of them taken (${policy})`, async (t) => {
    const file = path.join(t.testdir(), 'stats.json')
    const entry = source('test/balancer/fixtures/hog.cjs')
    const args = [cli, 'run', entry, '-w', '2', '--policy', policy, '--stats', file]
    const shell = `ulimit -Sn ${LIMIT} && ulimit -Hn ${LIMIT} && exec "$0" "$@"`
    const child = spawn('sh', ['-c', shell, process.execPath, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    const output = new Lines(child)
    const [, portText] = await output.until(/listening on .*:(\d+)\n/)
    const port = Number(portText)
    // One kept connection to each worker.
    const agents = new Map<string, http.Agent>()
    await until('each worker has a connection', async () => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
      t.teardown(() => agent.destroy())
      const { body } = await get(port, '/', agent)
      if (agents.has(body)) agent.destroy()
      return agents.set(body, agents.get(body) ?? agent).size === 2
    })
    const before = descriptors(child)
    for (const agent of agents.values()) await get(port, '/take', agent)

    const outcomes = { answered: 0, reset: 0, other: [] as unknown[] }
    const ask = (): Promise<void> =>
      get(port)
        .then(() => void outcomes.answered++)
        .catch((error) => {
          if (error.code === 'ECONNRESET') outcomes.reset++
          else outcomes.other.push(error)
        })
    const clients = Array.from({ length: CLIENTS }, ask)
    const lines = output.text.split('\n').length
    // A thread that spins while there are none would not sleep.
    const asleep = new Map(threads(child).map((thread) => [thread, 0]))
    await until(`each thread is seen asleep ${SAMPLES} times`, () => {
      for (const [thread, times] of asleep) if (isAsleep(child, thread)) asleep.set(thread, times + 1)
      return Math.min(...asleep.values()) >= SAMPLES
    })
    t.ok(output.text.split('\n').length - lines <= 2, 'it does not fill the log')
    for (const agent of agents.values()) await get(port, '/free', agent)
    const freed = performance.now()
    // Those who wait can be more than the descriptors that are free again.
    let more = 0
    for (const answered = outcomes.answered; outcomes.answered === answered && outcomes.other.length === 0; more++)
      await ask()
    t.comment(
      `the first new connection was served ${Math.round(performance.now() - freed)} ms after there were some again`,
    )
    await Promise.all(clients)
    t.strictSame(outcomes.other, [])
    t.equal(outcomes.answered + outcomes.reset, CLIENTS + more, JSON.stringify(outcomes))
    // The last ones may be closing just now.
    await until('there are as many descriptors as before', () => descriptors(child) === before)
    t.equal(descriptors(child), before)
    for (const agent of agents.values()) agent.destroy()
    const exited = once(child, 'exit')
    child.kill('SIGINT')
    t.strictSame(await exited, [0, null])
    const { connections: c } = JSON.parse(fs.readFileSync(file, 'utf8')) as BalancerStats
    t.equal(c.accepted, c.adopted + c.refused + c.shed)
    t.match(c, { refused: 0, inFlight: 0, active: 0, shed: outcomes.reset })
  })
}

function descriptors({ pid }: { pid?: number | undefined }): number {
  return fs.readdirSync(`/proc/${pid}/fd`).length
}

function threads({ pid }: { pid?: number | undefined }): string[] {
  return fs.readdirSync(`/proc/${pid}/task`)
}

function isAsleep({ pid }: { pid?: number | undefined }, thread: string): boolean {
  return /\) S /.test(fs.readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1'))
}
