import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { DeviceProbe } from '../../lib/balancer/dispatch/device-probe.ts'
import type { DlbDomain, DlbPort, QueueId } from '../../lib/device/index.ts'
import type { NodeDlbError } from '../../lib/errors.ts'
import type { Balancer, BalancerOptions } from '../../lib/index.ts'
import { Holding } from '../balancer/holding.ts'
import { get, many, portOf } from '../clients.ts'
import { within } from '../deadline.ts'
import { checkEnd, start } from './fallbacks.ts'
import { StandIn, supported } from './stand-in.ts'

/**
 * A device that does not schedule: from the start, since the driver refused that and libdlb did not
 * say so, or from some event on.
 */

if (supported) {
  const standIn = await StandIn.load()
  testStart(standIn)
  testTraffic(standIn)
  testCreditsUsedUp(standIn)
  testProbe(standIn)
  // What was sent to a device that was not started, and what could not be taken out of one that has
  // stopped.
  standIn.finish(/whose start was refused|is reset with \d+ events queued/)
} else t.pass('libdlb is for Linux on x64')

function testStart(standIn: StandIn): void {
  for (const policy of ['unordered', 'exact'] as const) {
    t.test(`a start that the driver refuses and libdlb does not tell of is noticed at once (${policy})`, async (t) => {
      standIn.control('refuse-start')
      const balancer = await start(t, { policy })
      t.match(balancer.stats().device, { kind: 'software', fallback: true, reason: /the device schedules nothing/ })
      await many(12, 4, () => get(portOf(balancer)))
      await checkEnd(t, balancer, 12)
      await t.rejects(start(t, { policy, fallbackPolicy: 'none' }), { code: 'ERR_DLB_DEVICE_FAILED' })
      standIn.control('clear-faults')
    })
  }
}

function testTraffic(standIn: StandIn): void {
  t.test('a device that stops under traffic is replaced, and nothing is lost', async (t) => {
    const all: Partial<BalancerOptions>[] = [
      { policy: 'unordered' },
      { policy: 'least-connections', fallbackPolicy: 'exact' },
      { policy: 'exact', fallbackPolicy: 'nop' },
      // It cannot hold all that comes.
      { policy: 'unordered', credits: 4 },
    ]
    const balancers: Balancer[] = []
    for (const options of all) balancers.push(await start(t, options))
    const none = await start(t, { policy: 'round-robin', fallbackPolicy: 'none' })
    const told = balancers.map((balancer) => once(balancer, 'fallback'))
    const failed = once(none, 'error')
    for (const balancer of balancers) await many(20, 4, () => get(portOf(balancer)))
    const mixed = await withOwnAccepting(t)
    const mixedTold = once(mixed.balancer, 'fallback')
    for (const balancer of [...balancers, none, mixed.balancer]) t.equal(balancer.stats().device.kind, 'dlb')
    standIn.control('stop-scheduling 7')
    let goesOn = true
    const others = mixed.connectAll(() => goesOn)
    const lost = get(portOf(none)).catch(() => null)
    const served = Promise.all(balancers.map((balancer) => many(60, 30, () => get(portOf(balancer)))))
    await within('all are served', served)
    for (const [device] of await within('all tell of it', Promise.all(told))) {
      t.match(device, {
        fallback: true,
        reason: /^instead of DLB: the device schedules nothing: .* has not come back$/,
      })
    }
    if (none.stats().connections.inFlight > 0) {
      t.match((await within('the one without a fallback closes', failed))[0], { code: 'ERR_DLB_DEVICE_FAILED' })
    }
    await lost
    await within('so does the one in which other connections come without the device', mixedTold)
    goesOn = false
    await others
    standIn.control('clear-faults')
    for (const balancer of balancers) await checkEnd(t, balancer, 80)
  })
}

function testCreditsUsedUp(standIn: StandIn): void {
  t.test('a device that stops when it has no credits left is replaced as well', async (t) => {
    // All that others have left, and fewer than connections come.
    standIn.control('credits 40')
    t.teardown(() => standIn.control('credits 16384'))
    const balancer = await start(t, { policy: 'unordered' })
    t.equal(balancer.stats().device.kind, 'dlb')
    standIn.control('stop-scheduling')
    const told = once(balancer, 'fallback')
    const served = many(100, 100, () => get(portOf(balancer)))
    t.match(await within('it tells of it', told), [{ reason: /the device schedules nothing/ }])
    await within('all are served', served)
    standIn.control('clear-faults')
    await checkEnd(t, balancer, 100)
  })
}

/**
 * Two servers, of which workers accept for one themselves: that they adopt its connections does not
 * say that the device works.
 */
async function withOwnAccepting(t: Test) {
  const servers = [net.createServer(), net.createServer()]
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening')
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port)
  for (const server of servers) await once(server.close(), 'close')
  const [through, beside] = ports
  const listeners = { [beside]: { policy: 'nop' as const } }
  const options = { device: 'dlb', policy: 'unordered', workers: 2, listeners } as const
  const holding = await Holding.start(t, options, ports)
  /**
   * Some through the device, more than it has scheduled; and beside it one after the other, while
   * `goesOn`.
   */
  const connectAll = async (goesOn: () => boolean): Promise<void> => {
    for (let i = 0; i < 20; i++) holding.connect({ port: through })
    while (goesOn()) {
      const held = holding.connect({ port: beside })
      await held.taken()
      held.socket.destroy()
      holding.held.delete(held)
      await delay(50)
    }
  }
  return { balancer: holding.balancer, connectAll }
}

/** Without the clock: the test has the probe check. */
function testProbe(standIn: StandIn): void {
  for (const kind of ['load-balanced', 'directed'] as const) {
    t.test(`a device that works never fails, however long nothing is adopted (${kind})`, async (t) => {
      const { probe, progress, failures } = rig(t, standIn, kind)
      probe.checkStart()
      progress.inFlight = 5
      for (let check = 0; check < 100; check++) probe.check()
      t.same(failures, [])
    })

    t.test(
      `a device that has stopped fails after some checks, also if its credits are used up (${kind})`,
      async (t) => {
        const { probe, progress, failures, domain, spend } = rig(t, standIn, kind)
        probe.checkStart()
        spend()
        t.equal(domain.stats().creditsFree, 0)
        progress.inFlight = 5
        for (let check = 0; check < 100; check++) probe.check()
        t.same(failures, [], 'while it works, used-up credits are no failure')
        standIn.control('stop-scheduling')
        for (let check = 0; check < 4; check++) probe.check()
        t.same(failures, [], 'not at once')
        for (let check = 0; check < 10 && failures.length === 0; check++) probe.check()
        t.match(failures, [{ code: 'ERR_DLB_DEVICE_FAILED' }])
        standIn.control('clear-faults')
      },
    )

    t.test(
      `a device that has stopped does not fail while nothing waits, or while workers get on (${kind})`,
      async (t) => {
        const { probe, progress, failures } = rig(t, standIn, kind)
        probe.checkStart()
        standIn.control('stop-scheduling')
        for (let check = 0; check < 30; check++) probe.check()
        progress.inFlight = 5
        for (let check = 0; check < 30; check++) {
          if (check % 4 === 0) progress.adopted++
          probe.check()
        }
        t.same(failures, [])
        standIn.control('clear-faults')
      },
    )
  }
}

interface Rig {
  readonly domain: DlbDomain
  readonly probe: DeviceProbe
  readonly progress: { inFlight: number; adopted: number }
  readonly failures: NodeDlbError[]
  /** All credits, by events that nobody receives. */
  spend(): void
}

function rig(t: Test, standIn: StandIn, kind: 'load-balanced' | 'directed'): Rig {
  const isDirected = kind === 'directed'
  const domain = standIn.open(t).createDomain({
    loadBalancedQueues: 2,
    loadBalancedPorts: 1,
    directedPorts: 1,
    credits: 16,
  })
  t.teardown(() => domain.close())
  const [own, other] = [domain.createLoadBalancedQueue(), domain.createLoadBalancedQueue()]
  const balanced = domain.createLoadBalancedPort({ cqDepth: 8 })
  const directed = domain.createDirectedPort({ cqDepth: 8 })
  domain.start()
  const port: DlbPort = domain.attachPort(isDirected ? directed : balanced)
  const queue: QueueId = isDirected ? directed : own
  const events = domain.createEvents(8)
  const progress = { inFlight: 0, adopted: 0 }
  const failures: NodeDlbError[] = []
  const receive = (): void => {
    const count = port.receive(events, 8)
    if (!isDirected) port.release(count)
    for (let i = 0; i < count; i++) probe.take(events, i)
  }
  const failed = (error: NodeDlbError): void => void failures.push(error)
  const probe = new DeviceProbe({ port, queue, events: domain.createEvents(1), domain: { progress, receive, failed } })
  const spend = (): void => {
    const spent = domain.createEvents(16)
    for (let i = 0; i < 16; i++) spent.set(i, { queue: other })
    t.equal(port.send(spent, 16), 16)
  }
  return { domain, probe, progress, failures, spend }
}
