import net from 'node:net'
import t, { type Test } from 'tap'
import { type Balancer, type BalancerOptions, startBalancer } from '../../lib/index.ts'
import { portOf } from '../clients.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

/**
 * What shows with several workers, or in the balancer's own figures. The rest is in
 * fixtures/handles.cjs.
 */

/** Whether this Node moves sockets between threads. */
const movesSockets = Object.getOwnPropertySymbols(net.Server.prototype).some(({ description }) =>
  description?.includes('transfer'),
)

for (const policy of ['round-robin', 'nop'] as const) {
  t.test(`servers of one listener have the options that each asks for (${policy})`, async (t) => {
    const balancer = await start(t, 'own-options.cjs', { policy, workers: 2 })
    const seen = new Set<string>()
    await until('both workers are seen', async () => seen.add(await visit(portOf(balancer))).size === 2)
    for (let i = 0; i < 4; i++) seen.add(await visit(portOf(balancer)))
    t.strictSame([...seen].sort(), ['worker 0: true', 'worker 1: false'])
  })
}

t.test(
  'a connection that is moved to another thread is closed for its worker, and a server is not moved',
  async (t) => {
    const balancer = await start(t, 'moving.cjs', { workers: 1 })
    await until('there are two addresses', () => balancer.addresses.length === 2)
    const [server, asked] = balancer.addresses as net.AddressInfo[]
    const answer = movesSockets ? 'moved' : 'ERR_INVALID_TRANSFER_OBJECT'
    for (let i = 0; i < 20; i++) t.equal(await visit(server.port), answer)
    await until('all connections are closed', () => balancer.stats().connections.active === 0)
    const refusal = movesSockets ? 'NodeDlbError ERR_DLB_INVALID_ARGUMENT' : 'TypeError ERR_INVALID_TRANSFER_OBJECT'
    t.equal(await visit(asked.port), refusal)
    t.equal(await visit(server.port), answer, 'it serves on')
    const { cut } = await balancer.close()
    t.equal(cut, 0)
  },
)

async function start(t: Test, fixture: string, options: Partial<BalancerOptions>): Promise<Balancer> {
  const entry = source(`test/worker/fixtures/${fixture}`)
  const balancer = await startBalancer({ entry, execArgv: [], ...options })
  t.teardown(() => balancer.close({ timeout: 0 }))
  return balancer
}

/** @returns what it sends until it ends */
function visit(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = net.connect(port, '127.0.0.1').setEncoding('utf8')
    socket.on('data', (chunk) => (text += chunk)).on('error', reject)
    socket.on('close', () => resolve(text))
  })
}
