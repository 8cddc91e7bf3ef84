import t from 'tap'
import { type BalancerOptions, EntryFailedError, startBalancer } from '../../lib/index.ts'
import { openDescriptors } from '../native/descriptors.ts'

const entry = 'server.js'

const wrong: [options: unknown, message: RegExp][] = [
  [undefined, /options must be an object/],
  [{}, /entry must be given/],
  [{ entry: 1 }, /entry must be a path or a file: URL, not 1/],
  [{ entry: new URL('http://localhost/') }, /entry must be a path or a file: URL/],
  [{ entry, workers: 0 }, /workers must be a whole number from 1 to 63, not 0/],
  [{ entry, workers: 64 }, /not 64/],
  [{ entry, workers: 1.5 }, /not 1\.5/],
  [{ entry, workers: '4' }, /not '4'/],
  [{ entry, device: 'gpu' }, /device must be one of auto, software, dlb, not 'gpu'/],
  [
    { entry, policy: 'random' },
    /policy must be one of unordered, least-connections, exact, round-robin, affinity, nop, not 'random'/,
  ],
  [{ entry, policy: 'toString' }, /policy must be/],
  [{ entry, listeners: 8443 }, /listeners must be an object/],
  [{ entry, listeners: { 8443: 'exact' } }, /listeners must be objects, such as \{ '8443': \{ priority: 1 \} \}/],
  [{ entry, listeners: { 8443: { policy: 'random' } } }, /objects whose policy is one of unordered,/],
  [{ entry, listeners: { 8443: { priority: 8 } } }, /objects whose priority is a whole number from 0 to 7/],
  [
    { entry, listeners: { 8443: { weight: 1 } } },
    /objects with policy, priority, proxyProtocol, deferAccept and no 'weight'/,
  ],
  [{ entry, argv: 'x' }, /argv must be an array of strings/],
  [{ entry, argv: [1] }, /argv must be an array of strings/],
  [{ entry, env: 1 }, /env must be an object/],
  [{ entry, execArgv: 1 }, /execArgv must be an array of strings/],
  [{ entry, resourceLimits: 1 }, /resourceLimits must be an object/],
  [{ entry, hook: 'yes' }, /hook must be true or false, not 'yes'/],
  [{ entry, stdin: 1 }, /stdin must be true or false/],
  [{ entry, drainTimeout: -1 }, /drainTimeout must be a whole number from 0/],
  [{ entry, drainTimeout: Number.POSITIVE_INFINITY }, /drainTimeout must be/],
  [{ entry, startTimeout: Number.NaN }, /startTimeout must be/],
  [{ entry, respawnDelay: 0 }, /respawnDelay must be a whole number from 1/],
  [{ entry, maxRespawnDelay: 0 }, /maxRespawnDelay must be/],
  [{ entry, workers: 4, maxWorkers: 3 }, /maxWorkers must be at least workers \(4\), not 3/],
  [{ entry, maxWorkers: 64 }, /maxWorkers must be a whole number from 1 to 63, not 64/],
  [{ entry, stallTimeout: -1 }, /stallTimeout must be a whole number from 0/],
  [{ entry, parking: 'on' }, /parking must be true or false/],
  [{ entry, proxyProtocol: 1 }, /proxyProtocol must be true or false/],
  [{ entry, maxConnections: 0 }, /maxConnections must be a whole number from 1/],
  [{ entry, maxConnectionsPerWorker: 1.5 }, /maxConnectionsPerWorker must be a whole number from 1/],
  [{ entry, policy: 'nop', maxConnections: 5 }, /maxConnections needs a policy that deals/],
  [{ entry, policy: 'nop', maxEventLoopDelay: 50, parking: true }, /maxEventLoopDelay needs .*; parking needs /],
  [{ entry, overLimit: '500' }, /overLimit must be one of wait, reset, 503, not '500'/],
  [{ entry, maxEventLoopDelay: 0 }, /maxEventLoopDelay must be a whole number from 1/],
  [{ entry, credits: 0 }, /credits must be a whole number from 1 to 16384/],
  [{ entry, debug: 1 }, /debug must be true, false or a function/],
  [{ entry, wokers: 4 }, /there is no option 'wokers' \(there are entry, workers, /],
]

for (const [options, message] of wrong) {
  t.test(`${inspect(options)} is refused`, async (t) => {
    await t.rejects(startBalancer(options as BalancerOptions), { code: 'ERR_DLB_INVALID_ARGUMENT', message })
  })
}

t.test('all that is wrong is told at once', async (t) => {
  const options = { workers: 0, policy: 'x', port: 8080 } as unknown as BalancerOptions
  await t.rejects(startBalancer(options), { message: /entry must.*workers must.*policy must.*no option 'port'/ })
})

t.test('what only Node can tell is refused as well', async (t) => {
  const before = openDescriptors()
  const refused = { code: 'ERR_DLB_INVALID_ARGUMENT', message: /Node refuses the workers' options/ }
  await t.rejects(startBalancer({ entry, execArgv: ['--no-such-option'] }), refused)
  await t.rejects(startBalancer({ entry, workerData: () => undefined }), refused)
  t.strictSame(openDescriptors(), before)
})

t.test('a start that fails leaves nothing behind', async (t) => {
  const failing = { entry: new URL('data:,x'), workers: 2 }
  await t.rejects(startBalancer(failing), { code: 'ERR_DLB_INVALID_ARGUMENT' })
  // Without tap's NODE_OPTIONS: a thread that ends while it imports tap's modules leaves their
  // files open.
  const missing = { entry: '/nonexistent/server.js', workers: 2, execArgv: [], env: {} }
  await t.rejects(startBalancer(missing), { code: 'ERR_DLB_ENTRY_FAILED', exitCode: 1 })
  const before = openDescriptors()
  await t.rejects(startBalancer({ ...missing, device: 'dlb', fallbackPolicy: 'none' }), {
    code: 'ERR_DLB_DEVICE_UNAVAILABLE',
  })
  for (let i = 0; i < 5; i++) {
    // The first to fail ends the others, wherever they are.
    const error: unknown = await startBalancer({ ...missing, workers: 4 }).catch((reason: unknown) => reason)
    t.ok(error instanceof EntryFailedError)
    t.match(error, { workerError: /Cannot find module/, message: /nonexistent.*before it listened/ })
  }
  t.strictSame(openDescriptors(), before)
})

function inspect(options: unknown): string {
  return JSON.stringify(options, (_, value) => (typeof value === 'number' ? String(value) : value)) ?? 'undefined'
}
