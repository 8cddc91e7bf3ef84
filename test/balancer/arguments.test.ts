import t, { type Test } from 'tap'
import { type Balancer, type BalancerOptions, onDrain, reportOverloaded, startBalancer } from '../../lib/index.ts'
import { get, portOf } from '../clients.ts'
import { source } from '../programs.ts'

/**
 * Whatever a method or an option is given, it is refused at once by code, or does what it should:
 * nothing is done by half.
 */

const refused = { code: 'ERR_DLB_INVALID_ARGUMENT' }
const textless: object = Object.create(null)
const throwing = (name: string): object =>
  Object.defineProperty({}, name, {
    enumerable: true,
    get: () => {
      throw new TypeError('not today')
    },
  })

async function start(t: Test, options: Partial<BalancerOptions> = {}): Promise<Balancer> {
  const entry = source('test/integration/fixtures/lifecycle.cjs')
  const balancer = await startBalancer({ entry, workers: 1, maxWorkers: 2, execArgv: [], env: {}, ...options })
  t.teardown(() => balancer.close())
  return balancer
}

t.test('close() refuses what it cannot do, and the balancer goes on', async (t) => {
  const balancer = await start(t)
  const wrong = [
    null,
    1,
    'SIGTERM',
    Symbol('x'),
    ...[Number.NaN, -1, Number.POSITIVE_INFINITY, 2 ** 31, '1', null, 1n, textless, Symbol('x')].map((timeout) => ({
      timeout,
    })),
    ...['BAD', 'sigterm', 'toString', '', 15, null, Symbol('x'), textless, ['SIGTERM']].map((signal) => ({ signal })),
    { timout: 5 },
    throwing('timeout'),
    throwing('signal'),
  ]
  for (const options of wrong) t.throws(() => balancer.close(options as never), refused)
  t.throws(() => balancer.close({ timeout: Number.NaN }), {
    message: /^timeout must be a number of milliseconds from 0 to 2147483647, not NaN$/,
  })
  t.throws(() => balancer.close({ signal: 'BAD' as never }), {
    message: /^signal must be a signal's name, such as 'SIGTERM', not 'BAD'$/,
  })
  t.equal(balancer.health().status, 'ok')
  t.ok((await get(portOf(balancer))).body)
  const closed = balancer.close({ timeout: undefined, signal: undefined })
  t.throws(() => balancer.close({ timeout: Number.NaN }), refused, 'as it does while it closes')
  t.equal((await closed).cut, 0)
})

t.test('so do resize() and signal()', async (t) => {
  const balancer = await start(t)
  for (const workers of [undefined, null, 0, 3, 1.5, Number.NaN, '1', 1n, Symbol('x'), textless, [1]]) {
    t.throws(() => balancer.resize(workers as never), refused)
  }
  for (const signal of [undefined, null, 'BAD', 'toString', 15, Symbol('x'), textless, ['SIGTERM']]) {
    t.throws(() => balancer.signal(signal as never), refused)
  }
  t.equal(balancer.stats().workers.length, 1)
})

t.test('start(), which startBalancer has called, starts nothing again', async (t) => {
  const balancer = await start(t)
  await balancer.start()
  t.equal(balancer.stats().workers.length, 1)
  t.match(balancer.stats().workers, [{ deaths: 0, listening: true }])
})

t.test('startBalancer refuses what has no text, cannot be read, or is not there', async (t) => {
  const entry = 'server.js'
  const wrong: unknown[] = [
    null,
    1,
    'server.js',
    Symbol('x'),
    () => undefined,
    [],
    textless,
    { entry: textless },
    { entry: 'a\0b' },
    { entry: new URL('file://elsewhere/server.js') },
    { entry: new URL('file:///a%2Fb.js') },
    { entry, workers: textless },
    { entry, workers: Symbol('x') },
    { entry, policy: textless },
    { entry, argv: [Symbol('x')] },
    { entry, listeners: { 80: throwing('policy') } },
    { entry, resourceLimits: { stackSizeMb: '4' } },
    { entry, resourceLimits: { maxOldGenerationSizeMb: Number.NaN } },
    { entry, resourceLimits: { stackSizeMb: 0.1 } },
    { entry, resourceLimits: { heap: 100 } },
    Object.assign(throwing('workers'), { entry }),
    new Proxy(
      { entry },
      {
        ownKeys: () => {
          throw new Error('no')
        },
      },
    ),
    Object.create({ entry, workers: 'many' }),
  ]
  for (const options of wrong) await t.rejects(startBalancer(options as BalancerOptions), refused)
  await t.rejects(startBalancer(throwing('entry') as BalancerOptions), {
    message: /^the options cannot be read: a getter/,
  })
})

t.test('options may be inherited, or without a prototype, and are read once', async (t) => {
  let reads = 0
  const entry = source('test/integration/fixtures/lifecycle.cjs')
  const common = { execArgv: [], env: {} }
  const options = Object.assign(Object.create({ workers: 1, drainTimeout: 100 }), common)
  Object.defineProperty(options, 'entry', { enumerable: true, get: () => (reads++ === 0 ? entry : 5) })
  const balancer = await startBalancer(options)
  t.equal(balancer.stats().workers.length, 1)
  await balancer.close()
  const plain = await startBalancer(Object.assign(Object.create(null), common, { entry, workers: 1 }))
  await plain.close()
})

t.test('what the caller changes afterwards changes nothing', async (t) => {
  const argv = ['a']
  const app = `require('node:http').createServer((_, r) => r.end(process.argv[2])).listen(0)`
  const entry = `${t.testdir({ 'app.cjs': app })}/app.cjs`
  const balancer = await start(t, { entry, argv })
  argv[0] = 'b'
  await balancer.reload()
  t.equal((await get(portOf(balancer))).body, 'a')
})

t.test('the functions for workers refuse it as well', async (t) => {
  for (const callback of [undefined, null, 'x', Symbol('x'), textless])
    t.throws(() => onDrain(callback as never), refused)
  for (const yes of [undefined, null, 1, Symbol('x'), textless]) t.throws(() => reportOverloaded(yes as never), refused)
  const balancer = await start(t, { entry: source('test/balancer/fixtures/attaches.cjs') })
  const codes = (await get(portOf(balancer))).body
  t.match(codes, /^(ERR_DLB_INVALID_ARGUMENT,?)+$/)
})
