import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import t from 'tap'
import { until } from '../deadline.ts'
import { Holding } from './holding.ts'

/** What `stats()` and the debug log say of who accepts. */

t.test('main accepts, the workers do while connections come quickly, and main again', async (t) => {
  const lines: string[] = []
  const debug = (line: string): void => {
    // Main has the number after the workers' places.
    if (line.startsWith('worker_3 ') && !line.includes(' dlb ')) lines.push(line)
  }
  const holding = await Holding.start(t, { workers: 2, debug })
  const modes = (): unknown[] => {
    const { acceptMode, listeners } = holding.balancer.stats()
    return [acceptMode, ...listeners.map(({ accepting }) => accepting)]
  }
  t.strictSame(modes(), ['main', 'main'])
  await until('the workers accept', async () => {
    await holding.fill(holding.held.size + 10)
    return holding.balancer.stats().acceptMode === 'workers'
  })
  t.strictSame(modes(), ['workers', 'workers'])
  await until('main accepts', () => holding.balancer.stats().acceptMode === 'main')
  t.strictSame(modes(), ['main', 'main'])
  t.strictSame(lines.slice(0, 2), ['worker_3 accept mode workers', 'worker_3 accept mode main'])
  const { stats } = await holding.balancer.close({ timeout: 0 })
  t.equal(stats.acceptMode, 'paused')
  t.strictSame(
    stats.listeners.filter(({ accepting }) => accepting !== 'paused'),
    [],
  )
})

t.test('main still accepts where workers cannot', async (t) => {
  const port = await freePort()
  const listeners = { [port]: { policy: 'round-robin' as const } }
  const holding = await Holding.start(t, { workers: 2, listeners }, [0, port])
  await until('the workers accept', async () => {
    await holding.fill(holding.held.size + 10)
    return holding.balancer.stats().acceptMode === 'workers'
  })
  for (const listener of holding.balancer.stats().listeners) {
    t.equal(listener.accepting, listener.port === port ? 'main' : 'workers')
  }
})

t.test('beyond a limit, nobody accepts', async (t) => {
  const holding = await Holding.start(t, { workers: 2, maxConnections: 2 })
  t.match(holding.balancer.stats(), { acceptMode: 'main', listeners: [{ accepting: 'main' }] })
  await holding.fill(2)
  const waiting = holding.connect()
  await until('nobody accepts', () => holding.balancer.stats().acceptMode === 'paused')
  t.match(holding.balancer.stats(), { listeners: [{ accepting: 'paused' }], connections: { waiting: 1 } })
  const [first] = holding.held
  await holding.end([first])
  await waiting.taken()
  await until('main accepts', () => holding.balancer.stats().acceptMode === 'main')
})

t.test('nor at a listener whose workers are gone', async (t) => {
  const holding = await Holding.start(t, { workers: 1, respawnDelay: 60_000 })
  holding.balancer.on('worker-exit', () => undefined)
  const died = once(holding.balancer, 'worker-exit')
  await holding.fill(1)
  await holding.kill()
  await died
  t.match(holding.balancer.stats(), { acceptMode: 'main', listeners: [{ accepting: 'paused' }] })
})

t.test('without a device the workers always accept', async (t) => {
  const holding = await Holding.start(t, { workers: 2, policy: 'nop' })
  t.match(holding.balancer.stats(), { acceptMode: 'workers', listeners: [{ accepting: 'workers' }] })
})

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
