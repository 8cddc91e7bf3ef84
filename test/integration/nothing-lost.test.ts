import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { BalancerStats } from '../../lib/index.ts'
import { get, many, ways } from '../clients.ts'
import { until } from '../deadline.ts'
import { cli, source } from '../programs.ts'

/**
 * Many short connections beside many keep-alive ones, through the command: every request is
 * answered, the figures add up, and the process has the descriptors that it had before. The full
 * count with NODE_DLB_NIGHTLY=1.
 */
const nightly = process.env.NODE_DLB_NIGHTLY === '1'
const SHORT = nightly ? 100_000 : 5_000
const KEPT = nightly ? 1_000 : 200
const WORKERS = 4
/** Clients that open short connections, one after the other. */
const AT_ONCE = 64
/** Requests on each keep-alive connection. */
const ROUNDS = 5

const entry = source('test/cli/fixtures/server.mjs')

if (nightly) t.setTimeout(1_200_000)

for (const policy of ways) {
  t.test(`${SHORT} short connections and ${KEPT} keep-alive ones (${policy})`, async (t) => {
    const file = path.join(t.testdir(), 'stats.json')
    const args = ['run', entry, '--workers', String(WORKERS), '--policy', policy, '--stats', file]
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    const port = await listening(child)
    await get(port)
    await closedConnections(child, 1, file)
    const before = descriptors(child)
    const started = performance.now()
    const answered = await load(port)
    const seconds = (performance.now() - started) / 1000
    const total = SHORT + KEPT * ROUNDS
    t.equal(answered, total, 'every request was answered')
    t.comment(`${total} requests in ${seconds.toFixed(1)} s: ${Math.round(total / seconds)}/s`)
    await closedConnections(child, 1 + SHORT + KEPT, file)
    t.strictSame(await settled(child, file, before), [], 'no more descriptors than before')
    child.kill('SIGINT')
    t.strictSame(await once(child, 'exit'), [0, null])
    checkFigures(t, readStats(file))
  })
}

/** @returns how many requests were answered as they should be */
async function load(port: number): Promise<number> {
  let answered = 0
  const ask = async (agent: http.Agent | false): Promise<void> => {
    const { body } = await get(port, '/', agent)
    if (body === JSON.stringify([entry])) answered++
  }
  const agents = Array.from({ length: KEPT }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }))
  // All of them are open from the first round to the last; the short ones come all the time in
  // between.
  await many(KEPT, AT_ONCE, (i) => ask(agents[i]))
  const rounds = async (): Promise<void> => {
    for (let round = 1; round < ROUNDS; round++) await many(KEPT, 8, (i) => ask(agents[i]))
  }
  await Promise.all([rounds(), many(SHORT, AT_ONCE, () => ask(false))])
  for (const agent of agents) agent.destroy()
  return answered
}

function checkFigures(t: Test, { connections: c, workers }: BalancerStats): void {
  t.equal(c.accepted, c.adopted + c.refused + c.shed + c.inFlight, 'accepted = adopted + refused + shed + in flight')
  t.equal(c.adopted, c.active + c.closed, 'adopted = active + closed')
  t.match(c, { accepted: 1 + SHORT + KEPT, refused: 0, shed: 0, inFlight: 0, active: 0 })
  // A worker that a loaded machine does not run seems to be stalled.
  t.ok(c.stale <= c.takenBack, `${c.stale} stale, ${c.takenBack} taken back`)
  t.comment(`by worker: ${workers.map(({ adopted }) => adopted).join(', ')}`)
}

async function listening(child: ChildProcess): Promise<number> {
  let stderr = ''
  child.stderr?.setEncoding('utf8')
  for (;;) {
    stderr += String((await once(child.stderr ?? child, 'data'))[0])
    const [, port] = /listening on .*:(\d+)\n/.exec(stderr) ?? []
    if (port !== undefined) return Number(port)
  }
}

/** Until so many connections have come and gone, by the process's own figures. */
async function closedConnections(child: ChildProcess, closed: number, file: string): Promise<void> {
  const isSo = async (): Promise<boolean> => (await figures(child, file))?.connections.closed === closed
  await until(`${closed} connections are closed`, isSo)
}

/** Has the process write its figures; null if they are not there yet. */
async function figures(child: ChildProcess, file: string): Promise<BalancerStats | null> {
  const directory = fs.watch(path.dirname(file))
  const written = once(directory, 'change')
  child.kill('SIGUSR2')
  await written
  directory.close()
  return fs.existsSync(file) ? readStats(file) : null
}

/**
 * A connection counts as closed just before its descriptor is: the last ones may take a moment
 * more, or a few.
 * @returns the descriptors that there were not before
 */
async function settled(child: ChildProcess, file: string, before: readonly string[]): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const rest = [...before]
    // Each of those before accounts for one; the first connection's own may have been among them.
    const more = descriptors(child).filter((name) => {
      const i = rest.indexOf(name)
      if (i !== -1) rest.splice(i, 1)
      return i === -1
    })
    if (more.length === 0 || tries === 100) return more
    await figures(child, file)
  }
}

/**
 * Sockets, an epoll instance, ...: without the inodes' numbers, and without the figures, which it
 * may be writing.
 */
function descriptors({ pid }: ChildProcess): string[] {
  const name = (fd: string): string[] => {
    try {
      return [fs.readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\d+/, '')]
    } catch {
      return []
    }
  }
  const names = fs.readdirSync(`/proc/${pid}/fd`).flatMap(name)
  return names.filter((name) => !name.endsWith('.tmp')).sort()
}

function readStats(file: string): BalancerStats {
  return JSON.parse(fs.readFileSync(file, 'utf8'))
}
