import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { DlbAlert, QueueId } from '../../lib/device/index.ts'
import { until } from '../deadline.ts'
import { StandIn, supported } from './stand-in.ts'

if (supported) testAlerts(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function setUp(t: Test, standIn: StandIn) {
  const device = standIn.open(t)
  const domain = device.createDomain({ loadBalancedQueues: 1, loadBalancedPorts: 1, directedPorts: 1 })
  t.teardown(() => domain.close())
  const queue = domain.createLoadBalancedQueue()
  const port = domain.attachPort(domain.createLoadBalancedPort({ cqDepth: 8 }))
  const directed = domain.attachPort(domain.createDirectedPort({ cqDepth: 8 }))
  port.link(queue)
  domain.start()
  const alerts: DlbAlert[] = []
  domain.onAlert((alert) => alerts.push(alert))
  return { device, domain, queue, port, directed, alerts, events: domain.createEvents(4) }
}

function codeOf(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
  return undefined
}

function testAlerts(standIn: StandIn): void {
  watchdogs(standIn)
  hardwareErrors(standIn)
  deviceResets(standIn)
  endings(standIn)
  standIn.finish()
}

function watchdogs(standIn: StandIn): void {
  t.test('a port that has not received for too long', async (t) => {
    const { domain, port, directed, alerts } = setUp(t, standIn)
    standIn.control(`watchdog ${domain.id} ${port.id.id}`)
    standIn.control(`watchdog ${domain.id} dir ${directed.id.id}`)
    await until('both come', () => alerts.length === 2)
    t.same(alerts, [
      { type: 'cq-watchdog', port: port.id },
      { type: 'cq-watchdog', port: directed.id },
    ])
  })

  t.test('alerts that came before somebody listens are kept', async (t) => {
    const { domain, port, alerts } = setUp(t, standIn)
    domain.onAlert(null)
    standIn.control(`watchdog ${domain.id} ${port.id.id}`)
    for (let i = 0; i < 5; i++) await turn()
    t.same(alerts, [])
    domain.onAlert((alert) => alerts.push(alert))
    await until('it comes', () => alerts.length === 1)
  })
}

function hardwareErrors(standIn: StandIn): void {
  t.test("a hardware error is not taken for a device reset, whatever libdlb's alert says", async (t) => {
    const { domain, queue, port, alerts, events } = setUp(t, standIn)
    standIn.control(`hardware-error ${domain.id}`)
    await until('it comes', () => alerts.length === 1)
    t.same(alerts, [{ type: 'hardware-error' }])
    events.set(0, { queue })
    t.equal(port.send(events, 1), 1, 'the port works')
    t.equal(port.receive(events, 4), 1)
    port.release(1)
  })

  t.test("a hardware error is not taken for a domain's reset either", async (t) => {
    const { domain, alerts } = setUp(t, standIn)
    standIn.control('alert-id 1')
    standIn.control(`hardware-error ${domain.id}`)
    await until('it comes', () => alerts.length === 1)
    t.same(alerts, [{ type: 'hardware-error' }])
    standIn.control('clear-faults')
  })
}

function deviceResets(standIn: StandIn): void {
  t.test('a device reset is told to all who use the device', async (t) => {
    const { device, domain, queue, port, directed, alerts, events } = setUp(t, standIn)
    let code: unknown
    port.onReadable(() => {
      try {
        port.receive(events, 4)
      } catch (error) {
        code = (error as NodeJS.ErrnoException).code
      }
    })
    for (let i = 0; i < 5; i++) await turn()
    standIn.control('device-reset')
    await until('the alert comes', () => alerts.length === 1)
    t.same(alerts, [{ type: 'device-reset' }])
    await until('a thread that sleeps finds out', () => code !== undefined)
    t.equal(code, 'ERR_DLB_PORT_STOPPED')
    events.set(0, { queue })
    t.throws(() => directed.send(events, 1), { code: 'ERR_DLB_PORT_STOPPED', cause: { code: 'EACCES' } })
    domain.close()
    device.close()
    const again = setUp(t, standIn)
    again.events.set(0, { queue: again.queue })
    t.equal(again.port.send(again.events, 1), 1, 'and can be opened anew')
  })

  t.test('threads find out about a device reset though nobody listens to alerts', async (t) => {
    const { domain, port, events } = setUp(t, standIn)
    domain.onAlert(null)
    let code: unknown
    port.onReadable(() => {
      code = codeOf(() => port.receive(events, 4))
    })
    for (let i = 0; i < 5; i++) await turn()
    standIn.control('device-reset')
    await until('a thread that sleeps finds out', () => code === 'ERR_DLB_PORT_STOPPED')
    t.equal(
      codeOf(() => port.receive(events, 4)),
      'ERR_DLB_PORT_STOPPED',
    )
  })

  t.test('a device reset is one though the consumer queues are full', async (t) => {
    const { domain, queue, port, directed, alerts, events } = setUp(t, standIn)
    const own: QueueId = { kind: 'directed', id: directed.id.id }
    for (const to of [queue, own, own, own, own, own]) {
      for (let i = 0; i < 4; i++) events.set(i, { queue: to })
      t.equal(port.send(events, 4), 4)
    }
    standIn.control('device-reset')
    await until('the alert comes', () => alerts.length === 1)
    t.same(alerts, [{ type: 'device-reset' }])
    for (const [of, came] of [
      [port, 4],
      [directed, 8],
    ] as const) {
      let received = 0
      const code = codeOf(() => {
        for (;;) received += of.receive(events, 4)
      })
      t.equal(received, came, 'what had been scheduled comes')
      t.equal(code, 'ERR_DLB_PORT_STOPPED')
    }
    port.release(4)
    domain.close()
  })
}

function endings(standIn: StandIn): void {
  t.test('the last alert is that the domain was reset', async (t) => {
    const { domain, port, alerts } = setUp(t, standIn)
    standIn.control(`watchdog ${domain.id} ${port.id.id}`)
    domain.close()
    t.same(alerts, [], 'not within close()')
    await until('both come', () => alerts.length === 2)
    t.same(alerts, [{ type: 'cq-watchdog', port: port.id }, { type: 'domain-reset' }])
  })

  t.test('alerts do not hold the loop open, and a close in their callback is possible', async (t) => {
    const { domain, port } = setUp(t, standIn)
    domain.onAlert(() => domain.close())
    standIn.control(`watchdog ${domain.id} ${port.id.id}`)
    const isClosed = (): boolean => {
      try {
        domain.stats()
        return false
      } catch {
        return true
      }
    }
    await until('it is closed', isClosed)
    t.throws(() => domain.stats(), { code: 'ERR_DLB_CLOSED' })
  })
}
