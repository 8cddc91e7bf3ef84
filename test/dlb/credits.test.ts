import t from 'tap'
import type { DlbPort } from '../../lib/device/index.ts'
import { StandIn, supported } from './stand-in.ts'

if (supported) testCredits(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function testCredits(standIn: StandIn): void {
  for (const [ports, credits, interrupts] of [
    [2, 1, false],
    [8, 4, true],
    [32, 16, false],
  ] as const) {
    t.test(`what ${ports} ports keep starves no sender; ${credits} credits, interrupts: ${interrupts}`, async (t) => {
      const domain = standIn.open(t).createDomain({
        loadBalancedQueues: 1,
        loadBalancedPorts: ports,
        directedPorts: 1,
        credits,
      })
      t.teardown(() => domain.close())
      const queue = domain.createLoadBalancedQueue()
      const receivers = Array.from({ length: ports }, () =>
        domain.attachPort(domain.createLoadBalancedPort({ cqDepth: 32, eventStateEntries: 64 })),
      )
      const sender = domain.attachPort(domain.createDirectedPort({ cqDepth: 8 }))
      domain.start()
      const events = domain.createEvents(1)
      /** One after the other. Nobody else looks meanwhile, as if all slept. */
      const give = (port: DlbPort, count: number): number => {
        port.link(queue)
        let came = 0
        for (let i = 0; i < count; i++) {
          events.set(0, { queue })
          if (sender.send(events, 1) === 1) came += port.receive(events, 1)
        }
        port.unlink(queue)
        return came
      }
      if (interrupts) {
        for (const port of receivers) {
          port.onReadable(() => undefined)
          port.onReadable(null)
        }
      }
      for (const port of receivers) {
        t.equal(give(port, 60), 60)
        port.release(60)
        t.equal(give(port, 63), 63)
        t.equal(domain.stats().creditsFree, credits)
        // The queue has no more than 512 in flight.
        port.release(63)
      }
    })
  }

  t.test('an event can be sent beyond the credits, and they add up afterwards', async (t) => {
    const config = { loadBalancedQueues: 1, loadBalancedPorts: 1, directedPorts: 1, credits: 16 }
    const domain = standIn.open(t).createDomain(config)
    t.teardown(() => domain.close())
    const queue = domain.createLoadBalancedQueue()
    const receiver = domain.attachPort(domain.createLoadBalancedPort({ cqDepth: 32 }))
    const sender = domain.attachPort(domain.createDirectedPort({ cqDepth: 8 }))
    const events = domain.createEvents(32)
    for (let i = 0; i < 32; i++) events.set(i, { queue })
    t.throws(() => sender.sendBeyondCredits(events, 1), { code: 'ERR_DLB_NOT_STARTED' })
    domain.start()
    t.equal(sender.send(events, 32), 16)
    t.equal(sender.sendBeyondCredits(events, 2), 2)
    t.equal(sender.send(events, 1), 0)
    t.equal(domain.stats().creditsFree, 0)
    events.set(0, { queue: { kind: 'directed', id: 0 } })
    t.throws(() => sender.sendBeyondCredits(events, 1), { code: 'ERR_DLB_UNKNOWN_QUEUE' })
    t.throws(() => sender.sendBeyondCredits(events, 33), { code: 'ERR_DLB_INVALID_ARGUMENT' })
    receiver.link(queue)
    t.equal(receiver.receive(events, 32), 18)
    receiver.release(18)
    t.equal(domain.stats().creditsFree, 16)
    t.equal(sender.send(events, 32), 16)
    t.equal(receiver.receive(events, 32), 16)
    receiver.release(16)
  })

  standIn.finish()
}
