import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import t from 'tap'
import { startBalancer } from '../../lib/index.ts'
import { get } from '../clients.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

const entry = source('test/cli/fixtures/server.mjs')
/** The kernel waits for a second, and a loaded machine may take longer for a request. */
const TRIES = 20

t.test('deferAccept: who says nothing is not accepted yet, and is served once it speaks', async (t) => {
  const balancer = await startBalancer({ entry, workers: 2, deferAccept: true, execArgv: [] })
  t.teardown(() => balancer.close({ timeout: 0 }))
  const { port } = balancer.addresses[0] as AddressInfo
  let deferred = false
  for (let i = 0; i < TRIES && !deferred; i++) {
    const before = balancer.stats().connections.accepted
    const silent = net.connect(port, '127.0.0.1')
    await once(silent, 'connect')
    // It came later. Without the option it would be accepted after the other.
    await get(port)
    deferred = balancer.stats().connections.accepted === before + 1
    silent.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    t.match(await text(silent), /^HTTP\/1\.1 200 /)
    t.equal(balancer.stats().connections.accepted, before + 2)
  }
  t.ok(deferred)
})

t.test('deferAccept: who says nothing for a second is accepted all the same', async (t) => {
  const balancer = await startBalancer({ entry, workers: 1, listeners: { 0: { deferAccept: true } }, execArgv: [] })
  t.teardown(() => balancer.close({ timeout: 0 }))
  const { port } = balancer.addresses[0] as AddressInfo
  const silent = net.connect(port, '127.0.0.1')
  await once(silent, 'connect')
  await until('it is accepted', () => balancer.stats().connections.accepted > 0)
  silent.destroy()
  await until('it is closed', () => balancer.stats().connections.closed > 0)
  t.match(balancer.stats().connections, { accepted: 1, adopted: 1, closed: 1 })
})

async function text(socket: net.Socket): Promise<string> {
  let all = ''
  for await (const chunk of socket) all += chunk
  return all
}
