import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { setImmediate as immediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { type Balancer, type BalancerOptions, type BalancerStats, type Death, startBalancer } from '../../lib/index.ts'
import { get, many, portOf, ways } from '../clients.ts'
import { until } from '../deadline.ts'
import { openDescriptors } from '../native/descriptors.ts'
import { source } from '../programs.ts'

const entry = source('test/integration/fixtures/lifecycle.cjs')
/** Enough that workers accept themselves. */
const AT_ONCE = 64

async function start(t: Test, options: Partial<BalancerOptions> = {}): Promise<Balancer> {
  const balancer = await startBalancer({ entry, workers: 3, respawnDelay: 10, execArgv: [], ...options })
  // The tests make workers die: what they say is not for the test's output.
  balancer.on('worker-exit', () => undefined)
  t.teardown(() => balancer.close({ timeout: 0 }))
  return balancer
}

function threads(): number {
  return readdirSync('/proc/self/task').length
}

function checkLaw(t: Test, { connections: c }: BalancerStats): void {
  t.equal(c.accepted, c.adopted + c.refused + c.shed + c.inFlight, 'accepted = adopted + refused + shed + in flight')
  t.equal(c.adopted, c.active + c.closed, 'adopted = active + closed')
  t.equal(c.inFlight + c.active, 0, 'nothing is left')
}

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

for (const policy of ways) {
  // How it dies makes no difference to the policy.
  for (const path of policy === 'unordered' ? ['/exit', '/throw', '/reject'] : ['/exit']) {
    t.test(`${path}: a worker that dies is respawned, and only its own connections are lost (${policy})`, async (t) => {
      const balancer = await start(t, { policy })
      const port = portOf(balancer)
      const deaths: Death[] = []
      balancer.on('worker-exit', (death) => deaths.push(death))
      const lost = { deadly: 0, other: 0 }
      await many(200, 20, async (i) => {
        const deadly = i % 50 === 49
        await get(port, deadly ? path : '/').catch(() => lost[deadly ? 'deadly' : 'other']++)
      })
      t.equal(lost.deadly, 4, 'the one that asked for it is always lost')
      // At most what the worker had adopted: 20 clients, 3 workers.
      t.ok(lost.other <= 4 * 19, `${lost.other} others were lost`)
      t.ok(deaths.length > 0 && deaths.length <= 4, `${deaths.length} deaths`)
      for (const { code, error, respawnIn } of deaths) {
        t.equal(code, 1)
        t.equal(error === null, path === '/exit', 'an error is told')
        t.ok(respawnIn !== null && respawnIn >= 10)
      }
      const { stats } = await balancer.close()
      checkLaw(t, stats)
      t.equal(stats.connections.accepted, 200)
      t.equal(stats.connections.refused, 0)
    })
  }

  t.test(`workers that die at any moment hurt nobody but who they serve (${policy})`, async (t) => {
    const before = openDescriptors().length
    const options = { policy, respawnDelay: 1, maxRespawnDelay: 20, workerData: { livesFor: 300 } }
    const balancer = await start(t, options)
    const port = portOf(balancer)
    let [answered, lost] = [0, 0]
    const askUntilAnswered = async (): Promise<void> => {
      for (;;) {
        const answer = await get(port).catch(({ code }) => code)
        if (typeof answer !== 'string') break
        t.equal(answer, 'ECONNRESET')
        lost++
      }
      answered++
    }
    await many(400, AT_ONCE, askUntilAnswered)
    const { stats } = await balancer.close()
    t.equal(answered, 400)
    const deaths = stats.workers.reduce((sum, worker) => sum + worker.deaths, 0)
    t.comment(`${deaths} deaths, ${lost} connections of theirs lost`)
    t.ok(lost <= deaths * AT_ONCE, 'at most those that were open at a death')
    checkLaw(t, stats)
    t.match(stats.connections, { accepted: answered + lost, refused: 0, shed: 0 })
    t.equal(openDescriptors().length, before)
  })

  t.test(`what waits at a worker that dies is served by the others (${policy})`, async (t) => {
    const gate = new SharedArrayBuffer(8)
    const balancer = await start(t, { policy, workers: 2, workerData: { gate }, respawnDelay: 60_000 })
    const port = portOf(balancer)
    const blocked = get(port, '/block').catch(({ code }) => code)
    await Atomics.waitAsync(new Int32Array(gate), 0, 0).value
    // More than a consumer queue takes.
    const waiting = Array.from({ length: 40 }, () => get(port))
    await untilAccepted(balancer, 41)
    const died = once(balancer, 'worker-exit')
    openGate(gate, 1)
    await died
    const threads = new Set((await Promise.all(waiting)).map(({ body }) => body))
    t.equal(threads.size, 1, 'one worker served them all')
    t.equal(await blocked, 'ECONNRESET')
    const { stats } = await balancer.close()
    checkLaw(t, stats)
    t.match(stats.connections, { accepted: 41, adopted: 41, refused: 0 })
  })

  t.test(`while no worker listens connections wait, and its successor serves them (${policy})`, async (t) => {
    const balancer = await start(t, { policy, workers: 1 })
    const port = portOf(balancer)
    const died = once(balancer, 'worker-exit')
    await get(port, '/exit').catch(() => undefined)
    const waiting = Array.from({ length: 30 }, () => get(port))
    await died
    t.equal((await Promise.all(waiting)).length, 30)
    const { stats } = await balancer.close()
    checkLaw(t, stats)
    t.equal(stats.workers[0].deaths, 1)
  })

  t.test(`a worker that closes its server gets no more, and the others go on (${policy})`, async (t) => {
    const balancer = await start(t, { policy, workers: 2 })
    const port = portOf(balancer)
    const finished = once(balancer, 'worker-exit')
    await many(100, 10, async (i) => {
      // Node 26 closes connections that have not sent their first request when the server closes.
      const answer = await get(port, i === 20 ? '/close' : '/').catch(({ code }) => code)
      t.ok(typeof answer === 'object' || answer === 'ECONNRESET')
    })
    t.match((await finished)[0], { code: 0, respawnIn: null })
    const { stats } = await balancer.close()
    checkLaw(t, stats)
    t.match(stats.connections, { accepted: 100, adopted: 100 })
  })
}

for (const policy of ['unordered', 'round-robin'] as const) {
  t.test(`credits run out, nothing is dropped, and accepting goes on when they are back (${policy})`, async (t) => {
    const gate = new SharedArrayBuffer(8)
    const balancer = await start(t, { policy, workers: 1, credits: 4, workerData: { gate } })
    const port = portOf(balancer)
    const blocked = get(port, '/block')
    await Atomics.waitAsync(new Int32Array(gate), 0, 0).value
    const waiting = Array.from({ length: 100 }, () => get(port))
    await untilWaiting(balancer)
    const { connections } = balancer.stats()
    t.ok(connections.accepted < 101, `accepting has stopped after ${connections.accepted}`)
    openGate(gate, 2)
    t.equal((await blocked).body, 'unblocked')
    t.equal((await Promise.all(waiting)).length, 100)
    const { stats } = await balancer.close()
    checkLaw(t, stats)
    t.equal(stats.connections.adopted, 101)
  })
}

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

t.test('a worker that runs out of memory is a death like any other', async (t) => {
  const balancer = await start(t, { workers: 2, resourceLimits: { maxOldGenerationSizeMb: 32 } })
  const died = once(balancer, 'worker-exit')
  t.equal(await get(portOf(balancer), '/memory').catch(({ code }) => code), 'ECONNRESET')
  t.match((await died)[0], { code: 1, error: /memory/, respawnIn: 10 })
  await many(20, 5, () => get(portOf(balancer)))
  checkLaw(t, (await balancer.close()).stats)
})

t.test('a worker that runs out of memory before its entry is run has failed, and not finished', async (t) => {
  // So little that Node ends the thread with exit code 0, and not so little that V8 aborts the
  // process.
  const maxOldGenerationSizeMb = process.version.startsWith('v20.') ? 3 : 4
  const starting = startBalancer({ entry, workers: 2, execArgv: [], resourceLimits: { maxOldGenerationSizeMb } })
  await t.rejects(starting, { code: 'ERR_DLB_ENTRY_FAILED', exitCode: 1, workerError: /ERR_WORKER_OUT_OF_MEMORY/ })
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

t.test('a worker that ends itself with exit code 0 has finished; resize() starts one in its place', async (t) => {
  const balancer = await start(t, { workers: 2 })
  const port = portOf(balancer)
  const died = once(balancer, 'worker-exit')
  await get(port, '/finish').catch(() => undefined)
  t.match((await died)[0], { code: 0, error: null, respawnIn: null, finished: true })
  t.strictSame(
    balancer
      .stats()
      .workers.map(({ state }) => state)
      .sort(),
    ['finished', 'running'],
  )
  t.match(balancer.health(), { status: 'ok' })
  await many(20, 5, () => get(port))
  t.match(await balancer.resize(2), { started: 1, ended: 0 })
  const again = once(balancer, 'worker-exit')
  await get(port, '/finish').catch(() => undefined)
  await again
  t.match(await balancer.resize(2), { started: 1, ended: 0 }, 'a place that a worker has finished in is free')
  const { stats } = await balancer.close()
  checkLaw(t, stats)
})

t.test('deaths in a row make the wait longer, up to the bound', async (t) => {
  const balancer = await start(t, { workers: 1, respawnDelay: 1, maxRespawnDelay: 4 })
  const port = portOf(balancer)
  const waits: (number | null)[] = []
  balancer.on('worker-exit', ({ respawnIn }) => waits.push(respawnIn))
  for (let i = 0; i < 5; i++) {
    const died = once(balancer, 'worker-exit')
    await get(port, '/exit').catch(() => undefined)
    await died
  }
  t.strictSame(waits, [1, 2, 4, 4, 4])
})

/** Connected, with its request sent. */
async function asking(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await once(socket, 'connect')
  return socket
}

function sum(cuts: readonly { connections: number }[]): number {
  return cuts.reduce((total, { connections }) => total + connections, 0)
}

function openGate(gate: SharedArrayBuffer, order: number): void {
  const words = new Int32Array(gate)
  Atomics.store(words, 1, order)
  Atomics.notify(words, 1)
}

/** Keep-alive connections on which nothing happens. */
async function holdOpen(balancer: Balancer, count: number): Promise<http.Agent[]> {
  const agents = Array.from({ length: count }, () => new http.Agent({ keepAlive: true }))
  await Promise.all(agents.map((agent) => get(portOf(balancer), '/', agent)))
  return agents
}

async function untilActive(balancer: Balancer, count: number): Promise<void> {
  await until(`${count} connections are active`, () => balancer.stats().connections.active >= count)
}

async function untilAccepted(balancer: Balancer, count: number): Promise<void> {
  await until(`${count} connections are accepted`, () => balancer.stats().connections.accepted >= count)
}

async function untilWaiting(balancer: Balancer): Promise<void> {
  await until('connections wait', () => balancer.stats().connections.waiting > 0)
}
