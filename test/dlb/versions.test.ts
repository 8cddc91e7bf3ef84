import t from 'tap'
import { setCommand } from '../../lib/device/index.ts'
import { StandIn, supported } from './stand-in.ts'

if (supported) testOldVersion(await StandIn.load('version=2.0'))
else t.pass('libdlb is for Linux on x64')

function testOldVersion(standIn: StandIn): void {
  t.test('what a DLB 2.0 does not have is refused, and costs no port', async (t) => {
    const device = standIn.open(t)
    const domain = device.createDomain({ loadBalancedQueues: 1, loadBalancedPorts: 1 })
    const queue = domain.createLoadBalancedQueue()
    t.throws(() => domain.createLoadBalancedPort({ cqDepth: 8, weight: true }), { code: 'ERR_DLB_UNSUPPORTED' })
    const port = domain.attachPort(domain.createLoadBalancedPort({ cqDepth: 8 }))
    port.link(queue)
    domain.start()
    const events = domain.createEvents(1)
    events.set(0, { queue })
    setCommand(events, 0, 'fragment')
    t.throws(() => port.advancedSend(events, 1), { code: 'ERR_DLB_UNSUPPORTED' })
    setCommand(events, 0, 'send')
    t.equal(port.advancedSend(events, 1), 1)
    t.equal(port.receive(events, 1), 1)
    port.release(1)
    domain.close()
  })

  t.test('a device without credits for directed events says so', async (t) => {
    standIn.control('dir-credits 0')
    const device = standIn.open(t)
    t.throws(() => device.createDomain({ directedPorts: 1 }), {
      code: 'ERR_DLB_NO_RESOURCES',
      message: /directedCredits/,
    })
    device.createDomain({}).close()
  })

  standIn.finish()
}
