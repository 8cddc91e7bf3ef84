import t from 'tap'
import { openDevice, type Port } from '../../lib/device/index.ts'

/**
 * These tests say who gets an event if loads are equal. The conformance suite leaves that to the
 * devices.
 */

const PORTS = 3

t.test('an event goes to the port that sends it, and what is more to the others in turn', async (t) => {
  const device = openDevice({ device: 'software' })
  const domain = device.createDomain({ loadBalancedQueues: 1, loadBalancedPorts: PORTS, directedPorts: 1 })
  t.teardown(() => {
    domain.close()
    device.close()
  })
  const queue = domain.createLoadBalancedQueue()
  const ids = Array.from({ length: PORTS }, () => domain.createLoadBalancedPort({ cqDepth: 8 }))
  const unlinked = domain.createDirectedPort({ cqDepth: 8 })
  domain.start()
  const ports = ids.map((id) => domain.attachPort(id))
  for (const port of ports) port.link(queue)
  const outsider = domain.attachPort(unlinked)
  const events = domain.createEvents(8)
  /** How many of `count` events each port gets; all are complete then. */
  const send = (by: Port, count: number): number[] => {
    for (let i = 0; i < count; i++) events.set(i, { queue })
    t.equal(by.send(events, count), count)
    return ports.map((port) => {
      const received = port.receive(events, 8)
      port.release(received)
      return received
    })
  }

  for (const i of [0, 1, 2, 2, 1, 0]) {
    const mine = ports.map((_, p) => (p === i ? 1 : 0))
    t.strictSame(send(ports[i], 1), mine, `port ${i}`)
  }
  t.strictSame(send(ports[1], PORTS), [1, 1, 1])
  t.strictSame(send(ports[1], PORTS + 1), [1, 2, 1])
  const turns = Array.from({ length: 2 * PORTS }, () => send(outsider, 1).indexOf(1))
  for (let i = 1; i < turns.length; i++) t.equal(turns[i], (turns[i - 1] + 1) % PORTS, `${turns}`)
})
