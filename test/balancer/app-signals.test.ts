import t from 'tap'
import { AppSignals } from '../../lib/balancer/workers/app-signals.ts'
import { startBalancer } from '../../lib/index.ts'
import { source } from '../programs.ts'

t.test("from code, the process's signals are the program's: it passes on what it likes", async (t) => {
  const calls = new Int32Array(new SharedArrayBuffer(4))
  const entry = source('test/balancer/fixtures/counts-signals.cjs')
  // The test runner has one.
  const before = process.listenerCount('SIGUSR2')
  // Without tap's NODE_OPTIONS, which has workers import what handles SIGHUP.
  const balancer = await startBalancer({ entry, workers: 2, workerData: calls.buffer, execArgv: [], env: {} })
  t.teardown(() => balancer.close({ timeout: 0 }))
  t.equal(process.listenerCount('SIGUSR2'), before)
  t.equal(balancer.signal('SIGUSR2'), 2)
  for (let count = 0; count < 2; count = Atomics.load(calls, 0)) {
    const { async, value } = Atomics.waitAsync(calls, 0, count)
    if (async) await value
  }
  t.equal(balancer.signal('SIGHUP'), 0, 'no app has a handler')
  for (const wrong of ['SIGFOO', 'sigusr2', '', 12, null, Symbol('x')]) {
    t.throws(() => balancer.signal(wrong as NodeJS.Signals), { code: 'ERR_DLB_INVALID_ARGUMENT' })
  }
})

t.test('a signal is handled from the first handler on to the last, and while a successor is awaited', async (t) => {
  const changes: string[] = []
  const signals = new AppSignals((signal, handled) => void changes.push(`${signal} ${handled}`))
  signals.handled(0, 'SIGUSR2')
  signals.handled(1, 'SIGUSR2')
  signals.unhandled(0, 'SIGUSR2')
  t.strictSame(changes.splice(0), ['SIGUSR2 true'])
  t.strictSame(signals.workersFor('SIGUSR2'), [1])
  signals.ended(1, true)
  t.strictSame(changes, [], 'it will be handled again')
  t.strictSame(signals.workersFor('SIGUSR2'), [])
  signals.handled(1, 'SIGUSR2')
  signals.ended(1, false)
  t.strictSame(changes, ['SIGUSR2 false'])
})
