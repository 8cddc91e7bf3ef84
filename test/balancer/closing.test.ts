import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { setImmediate as immediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { startBalancer } from '../../lib/index.ts'
import { get, many, portOf, ways } from '../clients.ts'
import { until } from '../deadline.ts'
import { openDescriptors } from '../native/descriptors.ts'
import { source } from '../programs.ts'
import {
  asking,
  checkLaw,
  holdOpen,
  openGate,
  start,
  sum,
  threads,
  untilAccepted,
  untilActive,
  untilWaiting,
} from './lifecycles.ts'

/** What becomes of connections and workers when a balancer closes, or its last server. */

t.test('after close() nothing is left: descriptors, threads', async (t) => {
  // What the first one leaves is Node's own, made once.
  const first = await start(t)
  await get(portOf(first))
  await first.close()
  await immediate()
  const before = { descriptors: openDescriptors(), threads: threads() }
  for (const policy of ways) {
    const balancer = await start(t, { policy })
    await many(20, 5, () => get(portOf(balancer)))
    const held = await holdOpen(balancer, 5)
    await balancer.close({ timeout: 0 })
    for (const agent of held) agent.destroy()
  }
  // libdlb's alert thread ends when it likes, and takes its descriptor with it: of the first one,
  // too.
  const extra = () => ({
    descriptors: openDescriptors().filter((name) => !before.descriptors.includes(name)),
    threads: Math.max(0, threads() - before.threads),
  })
  const none = { descriptors: [], threads: 0 }
  await until('nothing is left', () => isDeepStrictEqual(extra(), none)).catch(() => undefined)
  t.strictSame(extra(), none)
})

t.test('close() lets requests in flight finish, and idle keep-alive connections do not hold it up', async (t) => {
  const balancer = await start(t)
  const agents = await holdOpen(balancer, 10)
  const slow = Array.from({ length: 10 }, () => get(portOf(balancer), '/slow'))
  await untilActive(balancer, 20)
  const { cut, stats } = await balancer.close()
  for (const { body } of await Promise.all(slow)) t.equal(body, 'slow')
  t.equal(cut, 0)
  checkLaw(t, stats)
  for (const agent of agents) agent.destroy()
})

t.test('close() cuts at the deadline, and says how many', async (t) => {
  const balancer = await start(t, { drainTimeout: 50 })
  const hanging = Array.from({ length: 5 }, () => get(portOf(balancer), '/hang').catch(({ code }) => code))
  await untilActive(balancer, 5)
  const cuts: { worker: number; connections: number }[] = []
  balancer.on('cut', (each) => cuts.push(each))
  const { cut, stats } = await balancer.close()
  t.equal(cut, 5)
  t.strictSame(await Promise.all(hanging), new Array(5).fill('ECONNRESET'))
  t.equal(stats.connections.cut, 5)
  const byWorker = stats.workers.flatMap(({ worker, cut }) => (cut > 0 ? [{ worker, connections: cut }] : []))
  t.strictSame(cuts, byWorker, 'told by worker')
  t.equal(sum(cuts), 5)
  checkLaw(t, stats)
})

t.test('close() ends a worker that is stuck, at the deadline', async (t) => {
  const gate = new SharedArrayBuffer(8)
  const balancer = await start(t, { workers: 2, workerData: { gate } })
  const port = portOf(balancer)
  const blocked = get(port, '/block').catch(({ code }) => code)
  await Atomics.waitAsync(new Int32Array(gate), 0, 0).value
  // Some of these wait at the stuck one.
  const others = Array.from({ length: 40 }, () => get(port).catch(({ code }) => code))
  await untilAccepted(balancer, 41)
  const { cut, stats } = await balancer.close({ timeout: 50 })
  t.equal(await blocked, 'ECONNRESET')
  const lost = (await Promise.all(others)).filter((answer) => answer === 'ECONNRESET').length
  // One that was just being answered counts as well.
  t.ok(cut >= 1 + lost, `${cut} cut, ${lost} others lost`)
  checkLaw(t, stats)
})

t.test('a second close() can only bring the deadline forward', async (t) => {
  const balancer = await start(t, { drainTimeout: 60_000 })
  const hanging = get(portOf(balancer), '/hang').catch(({ code }) => code)
  await untilActive(balancer, 1)
  const first = balancer.close()
  const second = balancer.close({ timeout: 0 })
  t.equal(first, second)
  t.equal((await first).cut, 1)
  t.equal(await hanging, 'ECONNRESET')
})

t.test('a new connection is refused once close() was called', async (t) => {
  const balancer = await start(t)
  const port = portOf(balancer)
  const closed = balancer.close()
  await t.rejects(get(port), { code: 'ECONNREFUSED' })
  await closed
})

t.test('close() serves what waits in the backlog, of clients that have sent their requests', async (t) => {
  const gate = new SharedArrayBuffer(8)
  const balancer = await start(t, { workers: 1, credits: 4, workerData: { gate } })
  const port = portOf(balancer)
  const blocked = get(port, '/block')
  await Atomics.waitAsync(new Int32Array(gate), 0, 0).value
  const sockets = await Promise.all(Array.from({ length: 100 }, () => asking(port)))
  const answers = sockets.map((socket) => text(socket))
  await untilWaiting(balancer)
  t.ok(balancer.stats().connections.accepted < 101, 'accepting has stopped')
  const closed = balancer.close()
  t.equal(balancer.stats().connections.accepted, 101)
  openGate(gate, 2)
  t.equal((await blocked).body, 'unblocked')
  for (const answer of await Promise.all(answers)) t.match(answer, /^HTTP\/1.1 200 OK\r\n/)
  const { cut, stats } = await closed
  t.equal(cut, 0)
  checkLaw(t, stats)
})

t.test('from close() on responses say that the connection closes, also while others wait to be served', async (t) => {
  const gate = new SharedArrayBuffer(8)
  const balancer = await start(t, { workers: 2, policy: 'round-robin', stallTimeout: 0, workerData: { gate } })
  const port = portOf(balancer)
  const blocked = get(port, '/block')
  await Atomics.waitAsync(new Int32Array(gate), 0, 0).value
  const agents = Array.from({ length: 40 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }))
  let free: http.Agent | undefined
  const answers = agents.map((agent) =>
    get(port, '/', agent).then((answer) => {
      free ??= agent
      return answer
    }),
  )
  // Some wait at the one that is stuck.
  await Promise.any(answers)
  await untilAccepted(balancer, 41)
  t.ok(balancer.stats().connections.inFlight > 0)
  const closed = balancer.close()
  const isLast = async (): Promise<boolean> => (await get(port, '/', free as http.Agent)).headers.connection === 'close'
  await until('a response says that the connection closes', isLast)
  openGate(gate, 2)
  await Promise.all([blocked, ...answers])
  t.equal((await closed).cut, 0)
  for (const agent of agents) agent.destroy()
})

t.test('close() while no worker lives refuses what waits, at once', async (t) => {
  const balancer = await start(t, { workers: 1, respawnDelay: 60_000, maxRespawnDelay: 60_000, drainTimeout: 60_000 })
  const port = portOf(balancer)
  const gone = once(balancer, 'worker-exit')
  const first = get(port, '/exit').catch(({ code }) => code)
  t.match((await gone)[0], { respawnIn: 60_000 })
  const waiting = net.connect(port, '127.0.0.1').resume()
  await once(waiting, 'connect')
  const failed = once(waiting, 'error')
  const { stats } = await balancer.close()
  t.equal(await first, 'ECONNRESET')
  t.match(await failed, [{ code: 'ECONNRESET' }])
  checkLaw(t, stats)
})

t.test('when all workers have finished, the balancer is closed', async (t) => {
  const balancer = await start(t, { workers: 1 })
  const closed = once(balancer, 'close')
  await get(portOf(balancer), '/close')
  const [{ cut, stats }] = await closed
  t.equal(cut, 0)
  checkLaw(t, stats)
  t.strictSame(balancer.stats(), stats, 'stats() stays')
})

t.test('what waits when the app closes its last server is refused, as by a kernel, and is not cut', async (t) => {
  const gate = new SharedArrayBuffer(8)
  const balancer = await start(t, { workers: 1, workerData: { gate } })
  const port = portOf(balancer)
  const closed = once(balancer, 'close')
  const blocked = get(port, '/block')
  await Atomics.waitAsync(new Int32Array(gate), 0, 0).value
  const waiting = Array.from({ length: 40 }, () => get(port).catch(({ code }) => code))
  await untilAccepted(balancer, 41)
  openGate(gate, 3)
  t.equal((await blocked).body, 'unblocked')
  const [{ cut, stats }] = await closed
  t.equal(cut, 0)
  const lost = (await Promise.all(waiting)).filter((answer) => answer === 'ECONNRESET').length
  t.equal(stats.connections.cut, 0)
  t.ok(stats.connections.refused <= lost, `${stats.connections.refused} refused, ${lost} lost`)
  checkLaw(t, stats)
})

t.test('a connection on its way while the app closes its server is not cut, however it comes about', async (t) => {
  const own = source('test/integration/fixtures/connects-to-itself.cjs')
  for (let i = 0; i < 40; i++) {
    const balancer = await startBalancer({ entry: own, workers: 1, execArgv: [], env: {} })
    const { stats } =
      balancer.health().status === 'closing' ? await balancer.close() : (await once(balancer, 'close'))[0]
    t.equal(stats.connections.cut, 0)
    checkLaw(t, stats)
  }
})
