import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Holding } from '../balancer/holding.ts'
import { until } from '../deadline.ts'
import { StandIn, supported } from './stand-in.ts'

/** A balancer whose device takes less than it is sent. */

const CLIENTS = 100
/** The number of turns of the main thread's loop. */
const TURNS = 250

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
      const { balancer } = holding
      await until('connections wait', () => balancer.stats().connections.waiting > 0)
      // A loop that spins turns far more often than once in a millisecond.
      const milliseconds = await timeOfTurns(TURNS)
      t.ok(milliseconds > TURNS / 2, `${TURNS} turns of the loop in ${milliseconds} ms`)
      t.equal(holding.balancer.stats().connections.adopted, 0)
      standIn.control('clear-faults')
      const freed = performance.now()
      await until('the first is adopted', () => balancer.stats().connections.adopted > 0)
      t.comment(`the first was taken ${Math.round(performance.now() - freed)} ms after the device took some again`)
      await holding.until(CLIENTS)
      t.match(holding.balancer.stats().connections, { accepted: CLIENTS, adopted: CLIENTS, inFlight: 0, refused: 0 })
    })
  }

  standIn.finish()
}

/**
 * How many milliseconds so many turns of this thread's loop take. Nothing here turns it but a timer
 * of 1 ms.
 */
async function timeOfTurns(count: number): Promise<number> {
  const turns = (): number => performance.nodeTiming.uvMetricsInfo.loopCount
  const [began, end] = [performance.now(), turns() + count]
  while (turns() < end) await delay(1)
  return performance.now() - began
}
