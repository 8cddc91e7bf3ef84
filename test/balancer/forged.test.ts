import fs from 'node:fs'
import { pathToFileURL } from 'node:url'
import { BroadcastChannel } from 'node:worker_threads'
import t from 'tap'
import type { DomainToken, PortId, QueueId } from '../../lib/device/device.ts'
import { SchedulingType } from '../../lib/device/event-buffer.ts'
import { attachDomain } from '../../lib/device/open.ts'
import type { DomainLink } from '../../lib/protocol.ts'
import { until } from '../deadline.ts'
import { openDescriptors } from '../native/descriptors.ts'
import { source } from '../programs.ts'
import { Holding } from './holding.ts'

/**
 * Events that nobody sent for a connection: whatever they name is left alone, and each is counted.
 */

const FORGED = 500

for (const policy of ['unordered', 'least-connections', 'round-robin'] as const) {
  t.test(`forged events touch no connection and no other descriptor (${policy})`, async (t) => {
    const told = link()
    const preload = pathToFileURL(source('test/balancer/fixtures/tell-link.mjs')).href
    // The place of a third worker has ports that nobody uses.
    const holding = await Holding.start(t, { workers: 2, maxWorkers: 3, policy, execArgv: ['--import', preload] })
    const { token, queues } = await told
    await holding.fill(20)
    const file = fs.openSync('/dev/null', 'r')
    t.teardown(() => fs.closeSync(file))
    const before = { ...holding.balancer.stats().connections }
    const open = descriptors()

    const domain = attachDomain(token as DomainToken)
    t.teardown(() => domain.close())
    const { ports } = domain.stats()
    const vacant = ports.filter(({ thread }) => thread === null).map(({ port }) => port)
    const producer = domain.attachPort(vacant[0] as PortId)
    const events = domain.createEvents(1)
    const [listener] = holding.balancer.stats().listeners
    // Where the workers' connections come from: their listener's queue, or one of their own.
    const target = (i: number): QueueId =>
      policy === 'round-robin' ? ({ kind: 'directed', id: ports[i % 2].port.id } as const) : (queues[0] as QueueId)
    for (let i = 0; i < FORGED; i++) {
      // Every descriptor there is, and some that are not; with a stamp of no connection, and with
      // none.
      const fd = i % (Math.max(...open) + 10)
      const { id, kind } = target(i)
      const type = kind === 'directed' ? SchedulingType.directed : SchedulingType.unordered
      events.setTarget(0, id, type, 0)
      events.setData64(0, i % 7 === 0 ? -1 - i : fd, Math.imul(i, 2654435761))
      events.setData16(0, i % 3 === 0 ? 999 : listener.id)
      await until('the event is sent', () => producer.send(events, 1) === 1)
    }
    const stats = (): typeof before => holding.balancer.stats().connections
    await until('all are counted', () => stats().stale >= before.stale + FORGED)
    t.strictSame({ ...stats(), stale: 0 }, { ...before, stale: 0 })
    t.equal(stats().stale, before.stale + FORGED, 'each is counted, once')
    t.strictSame(descriptors(), open)
    for (const { socket } of holding.held) t.equal(socket.destroyed, false)
    // And the balancer goes on as before.
    await holding.fill(40)
    await holding.end([...holding.held])
    t.match(stats(), { accepted: 40, adopted: 40, closed: 40, refused: 0, shed: 0 })
  })
}

/** What the first worker tells. */
function link(): Promise<DomainLink> {
  const channel = new BroadcastChannel('link')
  return new Promise((resolve) => {
    channel.onmessage = (event: unknown) => {
      channel.close()
      resolve((event as { data: DomainLink }).data)
    }
  })
}

function descriptors(): number[] {
  return openDescriptors().map((name) => Number.parseInt(name, 10))
}
