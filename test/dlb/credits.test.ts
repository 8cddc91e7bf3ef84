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

  standIn.finish()
}
