import '../shorter-waits.ts'
import { once } from 'node:events'
import fs from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setImmediate as immediate } from 'node:timers/promises'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { type Balancer, type BalancerOptions, startBalancer } from '../../lib/index.ts'
import { closed } from '../balancer/clients.ts'
import { ways } from '../clients.ts'
import { until } from '../deadline.ts'
import { openDescriptors } from '../native/descriptors.ts'
import { source } from '../programs.ts'
import { v2 } from './proxies.ts'

/** The PROXY protocol on listeners: the app sees the client that the header names. */

const header = 'PROXY TCP4 203.0.113.7 198.51.100.1 56324 443\r\n'
const client = {
  remoteAddress: '203.0.113.7',
  remotePort: 56324,
  remoteFamily: 'IPv4',
  localAddress: '198.51.100.1',
  localPort: 443,
}
const request = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

for (const policy of ways) {
  t.test(`net, http and https servers see the header's client (${policy})`, async (t) => {
    const { balancer, ports } = await start(t, { policy })
    const [raw, http, https] = ports
    t.strictSame(JSON.parse((await exchange(raw, [header, 'hello'])).replace(' hello', '')), client)
    t.strictSame(JSON.parse(bodyOf(await exchange(http, [header + request]))), client, 'in one segment with a request')
    const six = v2(0x21, 0x21, [...new Array(15).fill(0), 1, ...new Array(15).fill(0), 2, 0, 80, 1, 0])
    const seen = JSON.parse(bodyOf(await exchange(http, [six, request])))
    t.match(seen, { remoteAddress: '::1', remotePort: 80, remoteFamily: 'IPv6', localAddress: '::2', localPort: 256 })
    t.strictSame(JSON.parse(bodyOf(await overTls(https))), client)
    const local = JSON.parse(bodyOf(await exchange(http, [v2(0x20, 0, []), request])))
    t.match(local, { remoteAddress: '127.0.0.1', localPort: http }, 'a health check has its own addresses')
    await settle(t, balancer, { badHeaders: 0 })
  })

  t.test(`what has no header, or a malformed one, is reset and counted (${policy})`, async (t) => {
    const before = openDescriptors().length
    const { balancer, ports } = await start(t, { policy })
    const bad = [request, 'PROXY TCP4 1.2.3.4\r\n', v2(0x21, 0x12, new Array(12).fill(0)), '\x16\x03\x01']
    for (const bytes of bad) await t.rejects(exchange(ports[1], [bytes]), { code: 'ECONNRESET' })
    // Gone before anything has come.
    const socket = dial(ports[1])
    socket.end()
    await closed(socket)
    await settle(t, balancer, { badHeaders: 5, accepted: 5, adopted: 5 })
    await balancer.close()
    t.equal(openDescriptors().length, before)
  })
}

t.test('every request of a connection that stays comes from the same client', async (t) => {
  const { balancer, ports } = await start(t, {})
  const kept = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  const answers = await exchange(ports[1], [header + kept, kept + request])
  const bodies = [...answers.matchAll(/\{[^}]*\}/g)].map(([body]) => JSON.parse(body))
  t.strictSame(bodies, [client, client, client])
  await settle(t, balancer, { badHeaders: 0, accepted: 1 })
})

t.test('a header that comes byte by byte', async (t) => {
  const { balancer, ports } = await start(t, {})
  const socket = net.connect(ports[1], '127.0.0.1').setNoDelay(true).setEncoding('latin1')
  for (const byte of header) {
    socket.write(byte)
    await immediate()
  }
  socket.write(request)
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  await once(socket, 'end')
  t.strictSame(JSON.parse(bodyOf(text)), client)
  await settle(t, balancer, { badHeaders: 0 })
})

t.test('one that does not come in time is closed; others are served meanwhile', async (t) => {
  const { balancer, ports } = await start(t, { workers: 1 })
  const partial = dial(ports[1])
  partial.write('PROXY TC')
  t.strictSame(JSON.parse(bodyOf(await exchange(ports[1], [header + request]))), client)
  await closed(partial)
  await settle(t, balancer, { badHeaders: 1 })
})

t.test('a header that comes after the server has closed: the connection is served', async (t) => {
  const { balancer, ports } = await start(t, { workers: 1 })
  const late = dial(ports[1])
  await until('a connection is active', () => balancer.stats().connections.active > 0)
  const closing = balancer.close()
  await until('no worker listens', () => !balancer.stats().workers.some(({ listening }) => listening))
  const answer = text(late)
  late.write(header + request)
  t.strictSame(JSON.parse(bodyOf(await answer)), client)
  t.equal((await closing).cut, 0)
})

t.test('a worker that dies while a header is awaited: its connection is closed', async (t) => {
  const { balancer, ports } = await start(t, { workers: 1, respawnDelay: 1 })
  balancer.on('worker-exit', () => undefined)
  const mute = dial(ports[1])
  await until('a connection is active', () => balancer.stats().connections.active > 0)
  const unanswered = exchange(ports[1], [`${header}GET /exit HTTP/1.1\r\nHost: x\r\n\r\n`])
  t.equal(await unanswered.catch(() => ''), '')
  await closed(mute)
  t.strictSame(JSON.parse(bodyOf(await exchange(ports[1], [header + request]))), client)
  await settle(t, balancer, { badHeaders: 0, accepted: 3, adopted: 3 })
})

t.test('only the listener that asks for it; the others have plain connections', async (t) => {
  const { balancer, ports } = await start(t, { proxyProtocol: false })
  t.match(JSON.parse(bodyOf(await exchange(ports[1], [request]))), { remoteAddress: '127.0.0.1' })
  t.strictSame(
    balancer.stats().listeners.map(({ proxyProtocol }) => proxyProtocol),
    [false, false, false],
  )
})

async function start(
  t: Test,
  options: Partial<BalancerOptions>,
): Promise<{ balancer: Balancer; ports: readonly number[] }> {
  const entry = source('test/worker/fixtures/proxied.cjs')
  const balancer = await startBalancer({ entry, workers: 2, proxyProtocol: true, execArgv: [], ...options })
  t.teardown(() => balancer.close({ timeout: 0 }))
  const { length } = balancer.stats().workers
  const complete = () => balancer.stats().listeners.filter(({ workers }) => workers.length === length)
  await until('all workers listen on three ports', () => complete().length === 3)
  return { balancer, ports: (balancer.addresses as AddressInfo[]).map(({ port }) => port) }
}

/** Its errors show as its 'close'. */
function dial(port: number): net.Socket {
  return net
    .connect(port, '127.0.0.1')
    .on('error', () => undefined)
    .resume()
}

/**
 * Sends these, each in a segment of its own. @returns all that comes. @throws the connection's
 * error
 */
async function exchange(port: number, parts: readonly (string | Buffer)[]): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').setNoDelay(true).setEncoding('latin1')
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  const ended = once(socket, 'end')
  for (const part of parts) socket.write(part, 'latin1')
  await ended
  socket.destroy()
  return text
}

async function overTls(port: number): Promise<string> {
  const plain = net.connect(port, '127.0.0.1')
  await once(plain, 'connect')
  plain.write(header)
  const ca = fs.readFileSync(source('test/fixtures/localhost.crt'))
  const socket = tls.connect({ socket: plain, servername: 'localhost', ca }).setEncoding('latin1')
  socket.write(request)
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  await once(socket, 'end')
  socket.destroy()
  return text
}

function bodyOf(response: string): string {
  const [, body = ''] = response.split('\r\n\r\n')
  return body.startsWith('{') ? body : (body.split('\r\n')[1] ?? '')
}

async function settle(t: Test, balancer: Balancer, expected: object): Promise<void> {
  await until('all connections are closed', () => balancer.stats().connections.active === 0)
  t.match(balancer.stats().connections, { refused: 0, shed: 0, inFlight: 0, active: 0, ...expected })
}
