import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { DlbAlert } from '../../lib/device/index.ts'
import { until } from '../conformance/world.ts'
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

function testAlerts(standIn: StandIn): void {
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

  t.test('alerts do not hold the loop open, and a close in their callback is possible', async (t) => {
    const { domain, port } = setUp(t, standIn)
    domain.onAlert(() => domain.close())
    standIn.control(`watchdog ${domain.id} ${port.id.id}`)
    await until('it is closed', () => {
      try {
        domain.stats()
        return false
      } catch {
        return true
      }
    })
  })

  standIn.finish()
}
