import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { BalancerOptions } from '../../lib/index.ts'
import { difference, Holding } from '../balancer/holding.ts'
import { until, within } from '../deadline.ts'
import { StandIn, supported } from './stand-in.ts'

/**
 * least-connections, on a device that has no more than 512 events of a queue in flight: scheduled
 * and not completed, over all ports. What is open beyond that must not keep new connections out.
 */

if (supported) testInFlight(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function testInFlight(standIn: StandIn): void {
  t.test('more connections are open than the device counts: new ones are served, and evenly', async (t) => {
    const holding = await start(t, { workers: 3 })
    await within('700 connections are served', holding.fill(700, 8))
    const { connections, workers } = holding.balancer.stats()
    t.match(connections, { accepted: 700, active: 700, inFlight: 0, stale: 0 })
    const counted = workers.map((worker) => worker.active - worker.completedEarly)
    t.ok(sum(counted) < 512, `${counted.join(', ')} are counted`)
    t.ok(sum(counted) > 300, 'as many as there is room for')
    // Each that is counted stands for two.
    t.ok(difference(holding.active()) <= 12, holding.active().join(', '))
  })

  t.test('what is counted is even while there is room, and again after closes', async (t) => {
    const holding = await start(t, { workers: 2 })
    await within('200 connections are served', holding.fill(200, 20))
    t.strictSame(holding.active(), [100, 100])
    await within('they are closed', holding.end([...holding.held].slice(0, 150)))
    await within('and come again', holding.fill(200, 20))
    t.ok(difference(holding.active()) <= 1, holding.active().join(', '))
    t.equal(sum(holding.balancer.stats().workers.map((worker) => worker.completedEarly)), 0)
  })

  t.test('several listeners have the room together', async (t) => {
    const holding = await start(t, { workers: 2 }, [0, 0])
    const ports = holding.balancer.addresses.map((address) => (typeof address === 'object' ? address.port : 0))
    for (let held = 0; held < 700; held += 25) {
      for (let i = 0; i < 25; i++) holding.connect({ port: ports[i % 2] })
      await within('25 more are served', holding.until(held + 25))
    }
    t.match(holding.balancer.stats().connections, { accepted: 700, active: 700, inFlight: 0 })
  })

  t.test('workers that are added count as many as the others', async (t) => {
    const holding = await start(t, { workers: 1, maxWorkers: 4 })
    await within('600 connections are served', holding.fill(600, 30))
    await holding.balancer.resize(4)
    await within('600 more are served', holding.fill(1200, 8))
    // Each that is counted stands for eight.
    const added = holding.active().slice(1)
    t.ok(difference(added) <= 16, added.join(', '))
    t.equal(holding.active()[0], 600, 'who has more than others gets none')
  })

  t.test('a worker that dies gives its room back, also with connections that wait at it', async (t) => {
    const holding = await start(t, { workers: 2, respawnDelay: 1 })
    holding.balancer.on('worker-exit', () => undefined)
    for (let death = 0; death < 3; death++) {
      await within('600 connections are served', holding.fill(600, 30))
      const reborn = once(holding.balancer, 'worker-start')
      await within('a worker dies', holding.kill())
      await within('and is reborn', reborn)
    }
    await within('600 connections are served', holding.fill(600, 30))
    t.match(holding.balancer.stats().connections, { active: 600, inFlight: 0, stale: 0 })
  })

  t.test('connections come in while workers that are replaced still have theirs open', async (t) => {
    const holding = await start(t, { workers: 2, drainTimeout: 1000 })
    await within('600 connections are served', holding.fill(600, 30))
    const adopted = (): number => holding.balancer.stats().connections.adopted
    const reloaded = holding.balancer.reload()
    for (let i = 0; i < 300; i++) holding.connect()
    await until('300 more are served', () => adopted() === 900)
    await within('the reload ends', reloaded)
    t.match(holding.balancer.stats().connections, { accepted: 900, adopted: 900, inFlight: 0 })
  })

  t.test('workers that are stuck with all that they may hold do not keep the others from serving', async (t) => {
    const holding = await start(t, { workers: 3, stallTimeout: 3 })
    await within('450 connections are served', holding.fill(450, 30))
    const threads = new Map<number, (typeof victims)[number]>()
    const victims = [...holding.held]
    for (const held of victims) threads.set((await held.taken()).thread, held)
    for (const held of [...threads.values()].slice(0, 2)) await holding.block(held)
    const before = holding.held.size
    for (let i = 0; i < 300; i++) holding.connect()
    await within('300 more are served by the third', holding.until(before + 300))
    t.match(holding.balancer.stats().connections, { active: before + 300, inFlight: 0 })
    holding.unblock()
  })

  standIn.finish()
}

function start(t: Test, options: Partial<BalancerOptions>, ports?: readonly number[]): Promise<Holding> {
  return Holding.start(t, { policy: 'least-connections', device: 'dlb', ...options }, ports)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
