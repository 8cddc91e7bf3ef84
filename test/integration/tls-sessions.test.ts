import { once } from 'node:events'
import fs from 'node:fs'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import tls, { type SecureVersion, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { startBalancer } from '../../lib/index.ts'
import { source } from '../programs.ts'

/**
 * A client that comes back is at another worker, most often: its session's ticket has to hold
 * there, too.
 */

const ca = fs.readFileSync(source('test/fixtures/localhost.crt'), 'utf8')
const WORKERS = 3

for (const app of ['https.mjs', 'http2.mjs']) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    t.test(`${version} sessions of ${app} are resumed at every worker, and at those that follow them`, async (t) => {
      const entry = source(`test/integration/fixtures/${app}`)
      const balancer = await startBalancer({ entry, workers: WORKERS, policy: 'round-robin', execArgv: [] })
      t.teardown(() => balancer.close({ timeout: 0 }))
      const { port } = balancer.addresses[0] as AddressInfo

      const first = await visit(port, version, undefined)
      t.equal(first.reused, false)
      const threads = new Set<string>([first.thread])
      for (let i = 1; i < WORKERS; i++) {
        const { reused, thread } = await visit(port, version, first.session)
        t.ok(reused)
        threads.add(thread)
      }
      t.equal(threads.size, WORKERS, 'all workers had one')

      await balancer.reload()
      for (let i = 0; i < WORKERS; i++) {
        const { reused, thread } = await visit(port, version, first.session)
        t.ok(reused)
        threads.add(thread)
      }
      t.equal(threads.size, 2 * WORKERS)
    })
  }
}

/** What an app does to its context and keys. */
const ownKeys = [
  'option',
  'setTicketKeys before',
  'setTicketKeys after',
  'setTicketKeys, setSecureContext',
  'setSecureContext with keys',
]
const noKeys = ['setSecureContext', 'addContext', 'SNICallback']

for (const how of [...noKeys, ...ownKeys]) {
  t.test(`an app with ${how}: sessions are resumed at every worker, by the app's keys if it has set any`, async (t) => {
    const settings = path.join(t.testdir(), 'settings.json')
    const keysFor = (fill: number): void => fs.writeFileSync(settings, JSON.stringify({ how, fill }))
    keysFor(7)
    const entry = source('test/integration/fixtures/ticket-keys.mjs')
    const options = { entry, argv: [settings], workers: WORKERS, policy: 'round-robin', execArgv: [] } as const
    const balancer = await startBalancer(options)
    t.teardown(() => balancer.close({ timeout: 0 }))
    const { port } = balancer.addresses[0] as AddressInfo
    const isOwn = ownKeys.includes(how)

    const sessions = await sessionsOfAll(t, port, isOwn ? 7 : null)
    keysFor(8)
    await balancer.reload()
    for (const [version, session] of sessions) {
      t.equal((await visit(port, version, session)).reused, !isOwn, 'after a reload, rotated keys are in force')
    }
    await sessionsOfAll(t, port, isOwn ? 8 : null)
  })
}

/**
 * A session of each version, which each of the workers has resumed. `fill`: the bytes of their
 * keys.
 */
async function sessionsOfAll(t: Test, port: number, fill: number | null): Promise<Map<SecureVersion, Buffer>> {
  const sessions = new Map<SecureVersion, Buffer>()
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { session } = await visit(port, version, undefined)
    sessions.set(version, session)
    const threads = new Set<string>()
    for (let i = 0; i < WORKERS; i++) {
      const { reused, thread, keys } = await visit(port, version, session)
      t.ok(reused, version)
      if (fill !== null) t.equal(keys, Buffer.alloc(48, fill).toString('hex'))
      threads.add(thread)
    }
    t.equal(threads.size, WORKERS, 'all workers had one')
  }
  return sessions
}

interface Visit {
  readonly session: Buffer
  readonly reused: boolean
  readonly thread: string
  readonly keys: string | undefined
}

async function visit(port: number, version: SecureVersion, session: Buffer | undefined): Promise<Visit> {
  const options = { port, host: '127.0.0.1', servername: 'localhost', ca, minVersion: version, maxVersion: version }
  const socket = tls.connect(session ? { ...options, session } : options)
  // Before the handshake is done, or after it: that depends on the version.
  const ticket = session ?? once(socket, 'session').then(([one]) => one as Buffer)
  await once(socket, 'secureConnect')
  const reused = socket.isSessionReused()
  socket.write('GET /whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  const text = await readAll(socket)
  return {
    session: await ticket,
    reused,
    thread: /"thread":(\d+)/.exec(text)?.[1] ?? text,
    keys: /"keys":"(\w+)"/.exec(text)?.[1],
  }
}

async function readAll(socket: TLSSocket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}
