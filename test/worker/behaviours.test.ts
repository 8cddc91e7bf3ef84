import { once } from 'node:events'
import { createRequire } from 'node:module'
import net from 'node:net'
import t from 'tap'
import { type Outcome, runCli, runNode, source } from '../programs.ts'

/**
 * Each behaviour of net.Server that apps rest on, as an app of its own: it has to print the same on
 * plain Node and in a balancer's worker, and to end alike. One worker, since the apps are their own
 * clients.
 */
const files = ['listening', 'connections', 'contexts', 'handles', 'sent-handles', 'socket-options']
const apps = files.map((name) => source(`test/worker/fixtures/${name}.cjs`))
const require = createRequire(import.meta.url)

t.jobs = 4

const outsider = net.createServer().listen(0, '127.0.0.1')
await once(outsider, 'listening')
const env = {
  TAKEN_PORT: String((outsider.address() as net.AddressInfo).port),
  /** Without its extension. */
  CERTIFICATE: source('test/fixtures/localhost'),
}
t.teardown(() => outsider.close())

const behaviours = apps.flatMap((app) =>
  (require(app) as { names: string[] }).names.map((name) => [app, name] as const),
)

for (const [app, name] of behaviours) {
  t.test(`${name}: as on plain Node`, async (t) => {
    const [plain, balanced] = await Promise.all([
      runNode([app, name], env),
      runCli(['run', '--quiet', '--workers', '1', app, '--', name], env),
    ])
    t.strictSame(visible(balanced), visible(plain))
    // The command has a line of its own for a worker that ends before it listens.
    const errors = balanced.stderr.replace(/^node-dlb: .*\n/gm, '')
    t.equal(errors === '', plain.stderr === '', 'prints errors if plain Node does')
  })
}

t.test('the main module, of an entry that is an ES module: as on plain Node', async (t) => {
  const entry = source('test/worker/fixtures/main-module.mjs')
  const [plain, balanced] = await Promise.all([runNode([entry]), runCli(['run', '--quiet', '--workers', '1', entry])])
  t.strictSame(visible(balanced), visible(plain))
})

function visible({ stdout, code, signal }: Outcome): Pick<Outcome, 'stdout' | 'code' | 'signal'> {
  return { stdout, code, signal }
}
