import { once } from 'node:events'
import t, { type Test } from 'tap'
import { type CloseReport, policyNames } from '../../lib/index.ts'
import { get, many, portOf } from '../clients.ts'
import { until } from '../deadline.ts'
import { checkEnd, fallbackPolicies, type Successor, start, successors } from './fallbacks.ts'
import { StandIn, supported } from './stand-in.ts'

const policies = ['unordered', 'round-robin', 'exact'] as const

const failures: Record<string, string> = {
  'a reset': 'device-reset',
  'sends that fail': 'fail dlb_send 1+ EIO',
  'receives that fail': 'fail dlb_recv 1+ EIO',
  'releases that fail': 'fail dlb_release 1+ EIO',
}

if (supported) {
  const standIn = await StandIn.load()
  testTraffic(standIn)
  for (const fallbackPolicy of fallbackPolicies) testWorkers(standIn, fallbackPolicy)
  testBounds(standIn)
  // Events cannot be taken out of a device whose receives fail.
  standIn.finish(/is reset with \d+ events queued/)
} else t.pass('libdlb is for Linux on x64')

function testTraffic(standIn: StandIn): void {
  for (const policy of policies) {
    for (const [name, command] of Object.entries(failures)) {
      // A directed port releases nothing.
      if (policy !== 'unordered' && name === 'releases that fail') continue
      for (const fallbackPolicy of fallbackPolicies) {
        t.test(`${name} under traffic: ${policy} goes on by ${fallbackPolicy}, and nothing is lost`, (t) =>
          failUnderTraffic(t, standIn, command, { policy, fallbackPolicy }),
        )
      }
    }
  }
}

async function failUnderTraffic(
  t: Test,
  standIn: StandIn,
  command: string,
  options: { policy: (typeof policies)[number]; fallbackPolicy: Successor },
): Promise<void> {
  const balancer = await start(t, options)
  t.equal(balancer.stats().device.kind, 'dlb')
  const port = portOf(balancer)
  const told = once(balancer, 'fallback')
  let answered = 0
  await many(400, 32, async () => {
    const { body } = await get(port)
    if (/^\d+$/.test(body)) answered++
    if (answered === 150) standIn.control(command)
  })
  const [device] = await told
  t.equal(answered, 400)
  t.match(device, { fallback: true, reason: /^instead of DLB: / })
  const { policy } = successors[options.fallbackPolicy]
  t.equal(balancer.stats().policy, policy ?? options.policy)
  standIn.control('clear-faults')
  await checkEnd(t, balancer, 400)
}

function testWorkers(standIn: StandIn, fallbackPolicy: Successor): void {
  t.test(`what waits at a worker that is stuck when the device fails is served (${fallbackPolicy})`, async (t) => {
    const gate = new Int32Array(new SharedArrayBuffer(8))
    const balancer = await start(t, { workerData: { gate: gate.buffer }, fallbackPolicy, workers: 1 })
    const port = portOf(balancer)
    const stuck = get(port, '/block')
    await Atomics.waitAsync(gate, 0, 0).value
    const waiting = Array.from({ length: 40 }, () => get(port))
    await until('all are accepted', () => balancer.stats().connections.accepted === 41)
    const told = once(balancer, 'fallback')
    standIn.control('device-reset')
    await told
    Atomics.store(gate, 1, 2)
    Atomics.notify(gate, 1)
    t.equal((await stuck).body, 'unblocked')
    t.equal((await Promise.all(waiting)).length, 40)
    await checkEnd(t, balancer, 41)
  })

  t.test(`workers that die while the device fails are replaced (${fallbackPolicy})`, async (t) => {
    const balancer = await start(t, { fallbackPolicy })
    const port = portOf(balancer)
    const told = once(balancer, 'fallback')
    for (let i = 0; i < 3; i++) {
      const died = once(balancer, 'worker-exit')
      await t.rejects(get(port, '/exit'))
      if (i === 1) standIn.control('device-reset')
      await died
    }
    await told
    await many(60, 8, () => get(port))
    await checkEnd(t, balancer, 63)
  })
}

function testBounds(standIn: StandIn): void {
  t.test('without a fallback, a device that fails closes the balancer, and says so', async (t) => {
    const balancer = await start(t, { fallbackPolicy: 'none' })
    const port = portOf(balancer)
    const slow = get(port, '/slow')
    await until('the request is served', () => balancer.stats().connections.active > 0)
    const failed = once(balancer, 'error')
    const closed = new Promise<CloseReport>((resolve) => balancer.once('close', resolve))
    standIn.control('device-reset')
    t.match((await failed)[0], { code: 'ERR_DLB_DEVICE_FAILED', message: /was reset/ })
    t.equal((await slow).body, 'slow', 'what was adopted finishes')
    t.equal((await closed).cut, 0)
    await t.rejects(get(port), { code: 'ECONNREFUSED' })
  })

  t.test('a device that takes nothing: what waits is shed after maxRetries', async (t) => {
    const balancer = await start(t, { maxRetries: 2 })
    standIn.control('send-zero')
    t.equal(await get(portOf(balancer)).catch(({ code }) => code), 'ECONNRESET')
    standIn.control('send-zero 0')
    await get(portOf(balancer))
    const { stats } = await balancer.close()
    t.match(stats.connections, { accepted: 2, adopted: 1, shed: 1, refused: 0, inFlight: 0 })
  })

  t.test('33 workers, which Envoy does not do', async (t) => {
    for (const policy of policyNames) {
      const balancer = await start(t, { workers: 33, policy })
      if (policy !== 'nop') t.equal(balancer.stats().device.kind, 'dlb')
      await many(100, 20, () => get(portOf(balancer)))
      await checkEnd(t, balancer, 100)
    }
  })
}
