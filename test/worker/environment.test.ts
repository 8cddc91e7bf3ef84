import fs from 'node:fs'
import path from 'node:path'
import { SHARE_ENV } from 'node:worker_threads'
import t from 'tap'
import { startBalancer } from '../../lib/index.ts'
import { get, portOf } from '../clients.ts'
import { runCli, runNode, source } from '../programs.ts'

const app = source('test/worker/fixtures/environment.cjs')
const WORKERS = 2

function cleanUp(): void {
  for (const name of ['SECRET', 'UNLESS_SET', 'THREAD']) Reflect.deleteProperty(process.env, name)
}

t.test('what an app sets is seen by C code, child processes and Node, as on plain Node', async (t) => {
  const env = { TZ: 'UTC', TO_DELETE: 'x' }
  const [plain, balanced] = await Promise.all([
    runNode([app, 'print'], env),
    runCli(['run', '--quiet', '--workers', '1', app, '--', 'print'], env),
  ])
  t.match(plain.stdout, /^0 9 19 America\/New_York/)
  t.equal(balanced.stdout, plain.stdout)
  t.equal(balanced.stderr, plain.stderr)
})

t.test('each worker has a copy of its own, and its successor begins with what there was at the start', async (t) => {
  const file = path.join(t.testdir({ file: 'one' }), 'file')
  process.env.SECRET = 'a secret'
  t.teardown(cleanUp)
  const balancer = await startBalancer({
    entry: app,
    argv: [file],
    workers: WORKERS,
    policy: 'round-robin',
    execArgv: [],
  })
  t.teardown(() => balancer.close({ timeout: 0 }))
  const threads = new Set<number>()
  const expectAll = async (content: string): Promise<void> => {
    for (let i = 0; i < WORKERS; i++) {
      const [thread, ...seen] = JSON.parse((await get(portOf(balancer))).body)
      t.strictSame(seen, ['a secret', content, thread, null])
      threads.add(thread)
    }
  }
  await expectAll('one')
  fs.writeFileSync(file, 'two')
  await balancer.reload()
  await expectAll('two')
  t.equal(threads.size, 2 * WORKERS)
  t.equal(process.env.SECRET, 'a secret', 'a variable is deleted for the worker that does it')
})

t.test('with SHARE_ENV, all have the one of the process; with an object, the process has nothing of it', async (t) => {
  const file = path.join(t.testdir({ file: 'one' }), 'file')
  const run = async (env: NodeJS.ProcessEnv | typeof SHARE_ENV): Promise<unknown[]> => {
    const balancer = await startBalancer({ entry: app, argv: [file], workers: 1, env, execArgv: [] })
    const { body } = await get(portOf(balancer))
    await balancer.close({ timeout: 0 })
    return JSON.parse(body).slice(1, 3)
  }
  t.teardown(cleanUp)
  t.strictSame(await run({ SECRET: 'own' }), ['own', 'one'])
  t.equal(process.env.UNLESS_SET, undefined)
  process.env.SECRET = 'shared'
  t.strictSame(await run(SHARE_ENV), ['shared', 'one'])
  t.equal(process.env.UNLESS_SET, 'one')
  t.equal(process.env.SECRET, undefined)
})
