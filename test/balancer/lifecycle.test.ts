import { once } from 'node:events'
import t from 'tap'
import { type Death, startBalancer } from '../../lib/index.ts'
import { get, many, portOf, ways } from '../clients.ts'
import { openDescriptors } from '../native/descriptors.ts'
import { AT_ONCE, checkLaw, entry, openGate, start, untilAccepted, untilWaiting } from './lifecycles.ts'

/** Workers that die or end, and what becomes of the connections. */

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
