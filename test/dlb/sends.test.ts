import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Holding } from '../balancer/holding.ts'
import { StandIn, supported } from './stand-in.ts'

/** A balancer whose device takes less than it is sent. */

const CLIENTS = 100
const WATCHED_MS = 500

if (supported) testSends(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function testSends(standIn: StandIn): void {
  for (const policy of ['unordered', 'round-robin'] as const) {
    t.test(`one event of a batch at a time: all connections get there (${policy})`, async (t) => {
      const holding = await Holding.start(t, { workers: 2, device: 'dlb', policy })
      t.teardown(() => standIn.control('clear-faults'))
      standIn.control('send-limit 1')
      await holding.fill(CLIENTS, CLIENTS)
      t.match(holding.balancer.stats().connections, {
        accepted: CLIENTS,
        adopted: CLIENTS,
        active: CLIENTS,
        inFlight: 0,
      })
    })

    t.test(`every other send takes nothing, the rest one event: all connections get there (${policy})`, async (t) => {
      const holding = await Holding.start(t, { workers: 2, device: 'dlb', policy })
      t.teardown(() => standIn.control('clear-faults'))
      standIn.control('send-limit 1')
      standIn.control('send-zero 2')
      await holding.fill(CLIENTS, CLIENTS)
      t.match(holding.balancer.stats().connections, {
        accepted: CLIENTS,
        adopted: CLIENTS,
        active: CLIENTS,
        inFlight: 0,
      })
    })

    t.test(`nothing is taken for a while: nobody spins, nothing is lost (${policy})`, async (t) => {
      const holding = await Holding.start(t, { workers: 2, device: 'dlb', policy })
      t.teardown(() => standIn.control('clear-faults'))
      standIn.control('send-zero 1')
      for (let i = 0; i < CLIENTS; i++) holding.connect()
      while (holding.balancer.stats().connections.waiting === 0) await delay(1)
      const used = process.cpuUsage()
      await delay(WATCHED_MS)
      const { user, system } = process.cpuUsage(used)
      const share = (user + system) / 1000 / WATCHED_MS
      t.comment(`${Math.round(share * 100)}% of a CPU`)
      // Spinning would take all of one.
      t.ok(share < 0.5, `${share}`)
      t.equal(holding.balancer.stats().connections.adopted, 0)
      standIn.control('clear-faults')
      const freed = performance.now()
      while (holding.balancer.stats().connections.adopted === 0) await delay(1)
      t.comment(`the first was taken ${Math.round(performance.now() - freed)} ms after the device took some again`)
      await holding.until(CLIENTS)
      t.match(holding.balancer.stats().connections, { accepted: CLIENTS, adopted: CLIENTS, inFlight: 0, refused: 0 })
    })
  }

  standIn.finish()
}
