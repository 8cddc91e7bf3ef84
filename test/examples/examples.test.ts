import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import { until } from '../deadline.ts'
import { cli, runNode, source } from '../programs.ts'

/**
 * The examples, as their README runs them: each on one thread by Node alone, and on four by the
 * command.
 */

const TLS_CERT = source('test/fixtures/localhost.crt')
const env = { PORT: '0', TLS_CERT, TLS_KEY: source('test/fixtures/localhost.key') }
const connect = { ca: fs.readFileSync(TLS_CERT, 'utf8') }
const ways = [
  { name: 'by Node alone', prefix: [], suffix: [], threads: [0] },
  { name: 'on 4 workers', prefix: [cli, 'run'], suffix: ['--workers', '4'], threads: [1, 2, 3, 4] },
]

interface Running {
  readonly child: ChildProcessByStdio<null, Readable, null>
  readonly port: number
}

/** Waits until the first thread has said its port. */
async function start(t: Test, args: readonly string[]): Promise<Running> {
  // By env(1): see runNode.
  const child = spawn('/usr/bin/env', ['NODE_OPTIONS=', process.execPath, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const port = Number(/listens on port (\d+)$/.exec(line)?.[1])
  return { child, port }
}

async function hello(protocol: string, port: number): Promise<string> {
  const dispatcher = new Agent({ connections: 1, connect })
  const { body } = await request(`${protocol}://localhost:${port}/`, { dispatcher })
  const text = await body.text()
  await dispatcher.close()
  return text
}

for (const { name, prefix, suffix, threads } of ways) {
  for (const [example, protocol] of [
    ['http', 'http'],
    ['express', 'http'],
    ['fastify', 'http'],
    ['https', 'https'],
  ]) {
    t.test(`${example} ${name}`, async (t) => {
      const { child, port } = await start(t, [...prefix, source(`examples/${example}/server.mjs`), ...suffix])
      const texts = new Set<string>()
      // Workers that have not said yet that they listen get nothing, so the first connections may
      // meet fewer of them.
      await until('all threads serve', async () => texts.add(await hello(protocol, port)).size === threads.length)
      t.strictSame(
        [...texts].sort(),
        threads.map((thread) => `hello from thread ${thread}\n`),
      )
      child.kill('SIGINT')
      await once(child, 'exit')
      if (prefix.length > 0) t.equal(child.exitCode, 0, 'Ctrl-C drains')
    })
  }

  t.test(`ws ${name}, with its client`, async (t) => {
    const { port } = await start(t, [...prefix, source('examples/ws/server.mjs'), ...suffix])
    const client = await runNode([source('examples/ws/client.mjs')], { PORT: String(port) })
    t.match(client, { code: 0, stderr: '' })
    const lines = client.stdout.trimEnd().split('\n')
    t.strictSame(
      lines.map((line) => line.replace(/\d/, 'N')),
      [1, 2, 3, 4].map((i) => `hello from thread N; echo: message ${i}`),
    )
  })
}
