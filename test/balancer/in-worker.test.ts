import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { startBalancer } from '../../lib/index.ts'
import { get } from '../clients.ts'
import { runCli, runNode, source } from '../programs.ts'

/** What a balancer's worker must not start, since each of them would. */

const fixture = (name: string): string => source(`test/balancer/fixtures/${name}`)

t.test('a file that starts a balancer of itself ends at once, and is told how to do it', async (t) => {
  const { code, stdout } = await runNode([fixture('itself.cjs')])
  t.equal(code, 1)
  const lines = stdout.trim().split('\n')
  t.match(lines[0], /^worker ERR_DLB_IN_WORKER startBalancer\(\) was called .*isMainThread/)
  t.match(lines.at(-1), /^main ERR_DLB_ENTRY_FAILED /)
})

t.test('as does one that the command runs', async (t) => {
  const { code, stdout } = await runCli(['run', fixture('itself.cjs'), '-w', '2'])
  t.equal(code, 1)
  t.match(stdout, /^worker ERR_DLB_IN_WORKER .*run it by node\n/)
})

t.test('cluster.fork() is refused, also where it is imported by name', async (t) => {
  const refused = { code: 'ERR_DLB_ENTRY_FAILED', workerError: /Take the cluster code out/ }
  await t.rejects(startBalancer({ entry: fixture('forks.cjs'), workers: 2, execArgv: [], env: {} }), refused)
  const named = { 'app.mjs': "import { fork } from 'node:cluster'; fork()" }
  const entry = `${t.testdir(named)}/app.mjs`
  await t.rejects(startBalancer({ entry, workers: 2, execArgv: [], env: {} }), refused)
})

t.test('the command says the way out of node:cluster', async (t) => {
  const { code, stderr } = await runCli(['run', fixture('forks.cjs'), '-w', '2'])
  t.equal(code, 1)
  t.match(stderr, /NodeDlbError: cluster\.fork\(\) was called .* Take the cluster code out/)
})

t.test("a worker thread of the app's own may have a balancer", async (t) => {
  const workerData = { entry: source('test/cli/fixtures/server.cjs'), workers: 2, execArgv: [], env: {} }
  const owner = new Worker(fixture('owner.cjs'), { workerData, execArgv: [] })
  t.teardown(() => owner.terminate())
  const [{ address }] = await once(owner, 'message')
  t.ok((await get(address.port)).body)
  owner.postMessage('close')
  t.match(await once(owner, 'message'), [{ cut: 0 }])
})
