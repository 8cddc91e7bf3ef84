import { once } from 'node:events'
import net from 'node:net'
import { setImmediate as immediate } from 'node:timers/promises'
import t from 'tap'
import { until } from '../deadline.ts'
import { Holding } from './holding.ts'

/** Bounds on open connections: never exceeded, and what is beyond them waits or is told. */

const policies = ['unordered', 'least-connections', 'round-robin', 'exact'] as const

for (const policy of policies) {
  t.test(`maxConnections: the backlog holds the rest until some close (${policy})`, async (t) => {
    const holding = await Holding.start(t, { workers: 2, policy, maxConnections: 10 })
    const watch = watchMost(holding)
    const clients = Array.from({ length: 30 }, () => holding.connect())
    await holding.until(10)
    // In whatever order they are taken, each that ends makes room for one.
    const ends = clients.map(async (held) => {
      await held.taken()
      await immediate()
      held.socket.destroy()
      holding.held.delete(held)
    })
    await Promise.all(ends)
    t.ok(watch.most() <= 10)
    t.match(holding.balancer.stats().connections, { accepted: 30, adopted: 30, shed: 0, refused: 0 })
  })

  t.test(`maxConnectionsPerWorker: no worker has more, and all have so many (${policy})`, async (t) => {
    const holding = await Holding.start(t, { workers: 3, policy, maxConnectionsPerWorker: 4 })
    const watch = watchMost(holding)
    for (let i = 0; i < 20; i++) holding.connect()
    await holding.until(12)
    t.strictSame(holding.active(), [4, 4, 4])
    // One worker has room, and only that one.
    const [first] = holding.held
    first.socket.destroy()
    holding.held.delete(first)
    await until('another one is adopted', () => holding.balancer.stats().connections.adopted === 13)
    await holding.until(12)
    t.strictSame(holding.active(), [4, 4, 4])
    t.equal(watch.mostAtOne(), 4)
  })
}

t.test('overLimit 503: who comes when all are taken is told so, and counted', async (t) => {
  const holding = await Holding.start(t, { workers: 2, maxConnections: 3, overLimit: '503' })
  await holding.fill(3, 3)
  const answer = await ask(holding.port)
  t.match(answer, /^HTTP\/1\.1 503 Service Unavailable\r\n[\s\S]*Connection: close\r\n[\s\S]*\r\n\r\n$/)
  t.match(holding.balancer.stats().connections, { accepted: 4, adopted: 3, shed: 1, inFlight: 0 })
  const [first] = holding.held
  await holding.end([first])
  await holding.fill(3, 1)
})

t.test('overLimit reset: who comes when all are taken is reset, and counted', async (t) => {
  const holding = await Holding.start(t, { workers: 2, maxConnections: 3, overLimit: 'reset' })
  await holding.fill(3, 3)
  await t.rejects(ask(holding.port), { code: 'ECONNRESET' })
  t.match(holding.balancer.stats().connections, { accepted: 4, adopted: 3, shed: 1, inFlight: 0 })
})

t.test('close() does not wait for room', async (t) => {
  const holding = await Holding.start(t, { workers: 1, maxConnections: 2 })
  for (let i = 0; i < 5; i++) holding.connect()
  await holding.until(2)
  await until('a connection waits', () => holding.balancer.stats().connections.waiting > 0)
  const closed = holding.balancer.close({ timeout: 60_000 })
  // Those that waited are served.
  await until('one of them is served', () => holding.balancer.stats().connections.active > 2)
  for (const { socket } of holding.held) socket.destroy()
  t.match(await closed, { cut: 0 })
})

/** Looks at each turn of the loop. */
function watchMost(holding: Holding): { most: () => number; mostAtOne: () => number } {
  let [most, atOne] = [0, 0]
  const look = (): void => {
    const active = holding.active()
    most = Math.max(
      most,
      active.reduce((sum, count) => sum + count, 0),
    )
    atOne = Math.max(atOne, ...active)
  }
  const timer = setInterval(look, 1)
  timer.unref()
  return { most: () => most, mostAtOne: () => atOne }
}

/** @throws the connection's error */
async function ask(port: number): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  await once(socket, 'end')
  return text
}
