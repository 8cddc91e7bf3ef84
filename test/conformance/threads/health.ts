import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from 'tap'
import type { EventBuffer, Port, QueueId, SchedulingTypeName } from '../../../lib/device/index.ts'
import { SchedulingType } from '../../../lib/device/index.ts'
import { until } from '../../deadline.ts'
import { range } from '../world.ts'
import { credits, entriesPerConsumer, type Team } from './team.ts'

/**
 * Credits that a device may leave with ports that do not need them: libdlb's are taken 32 at a
 * time.
 */
const cachedPerPort = 32

/**
 * After whatever happened in the domain: it has all its credits, entries, flows and sequence
 * numbers.
 */
export async function checkHealth(t: Test, team: Team): Promise<void> {
  const { domain } = team
  const events = domain.createEvents(1024)
  // Nobody has them any more; none is to take what another is sent.
  for (const id of team.consumerPorts) domain.recover(id, events, events.length)
  const sink = domain.attachPort(team.sinkPort)
  // What a dead thread had posted and nobody had looked at is on its way by now.
  for (let quiet = 0; quiet < 20; quiet++) {
    if (sink.receive(events, events.length) > 0) quiet = 0
    await turn()
  }
  const target = (queue: QueueId, type: SchedulingTypeName, n: number): void => {
    for (let i = 0; i < n; i++) {
      events.setTarget(i, queue.id, SchedulingType[type], 0)
      events.setData64(i, i, 0)
      events.setFlowId(i, i)
    }
  }
  target(team.sinkQueue, 'directed', events.length)
  let sent = 0
  for (let n = -1; n !== 0; sent += n) n = sink.send(events, events.length)
  const ports = domain.stats().ports.length
  t.ok(sent <= credits && sent >= credits - cachedPerPort * (ports - 1), `${sent} of ${credits} credits are there`)
  t.equal((await take(sink, events, sent)).length, sent)

  const send = async (queue: QueueId, type: SchedulingTypeName, n: number): Promise<void> => {
    target(queue, type, n)
    let done = 0
    await until(`${n} events are taken`, () => {
      done += sink.send(events, n - done, done)
      return done === n
    })
  }
  for (const id of team.consumerPorts) {
    const port = domain.attachPort(id)
    for (const queue of [team.any, team.atomic, team.ordered[0]]) port.link(queue)
    await send(team.any, 'unordered', 2 * entriesPerConsumer)
    t.equal((await take(port, events, entriesPerConsumer)).length, entriesPerConsumer, 'all its entries are free')
    port.release(entriesPerConsumer)
    await take(port, events, entriesPerConsumer)
    port.release(entriesPerConsumer)
    for (const queue of [team.any, team.atomic]) {
      await send(queue, 'atomic', team.plan.flows)
      t.equal((await take(port, events, team.plan.flows)).length, team.plan.flows, 'all flows come to it')
      port.release(team.plan.flows)
    }
    await send(team.ordered[0], 'ordered', entriesPerConsumer)
    await take(port, events, entriesPerConsumer)
    target(team.sinkQueue, 'directed', entriesPerConsumer)
    t.equal(port.forward(events, entriesPerConsumer), entriesPerConsumer)
    t.same(await take(sink, events, entriesPerConsumer), range(0, entriesPerConsumer), 'the order goes on')
    port.detach()
    domain.recover(id, events, 0)
  }
}

async function take(port: Port, events: EventBuffer, n: number): Promise<number[]> {
  const taken: number[] = []
  await until(`${n} events`, () => {
    const got = port.receive(events, Math.min(events.length, n - taken.length))
    for (let i = 0; i < got; i++) taken.push(events.data64Low(i))
    return taken.length === n
  })
  return taken
}
