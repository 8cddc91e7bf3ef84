import t from 'tap'
import { difference, Holding } from '../balancer/holding.ts'
import { StandIn, supported } from './stand-in.ts'

/** least-connections on a device that has few event-state entries. */

if (supported) testCounted(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function testCounted(standIn: StandIn): void {
  /** Two workers, and one that a reload needs. */
  const places = 3
  /** What they and the acceptor need for what waits or was just adopted. */
  const forWaiting = places * 16 + 64

  for (const counted of [0, 4]) {
    t.test(`the device can count ${counted} open connections of a worker: more are completed early`, async (t) => {
      standIn.control(`entries ${forWaiting + places * counted}`)
      const holding = await Holding.start(t, { workers: 2, policy: 'least-connections', device: 'dlb' })
      t.match(holding.balancer.stats().device, { kind: 'dlb', fallback: false })
      await holding.fill(2 * counted, 1)
      const early = (): number[] => holding.balancer.stats().workers.map((worker) => worker.completedEarly)
      t.strictSame(
        [holding.active(), early()],
        [
          [counted, counted],
          [0, 0],
        ],
      )
      await holding.fill(40, 4)
      const sum = early()[0] + early()[1]
      t.equal(sum, 40 - 2 * counted)
      // Closing makes room for counting again.
      await holding.end([...holding.held])
      await holding.fill(2 * counted, 1)
      t.ok(difference(holding.active()) <= 1, holding.active().join(', '))
      t.equal(early()[0] + early()[1], sum)
      t.match(holding.balancer.stats().connections, { accepted: 40 + 2 * counted, stale: 0, inFlight: 0 })
    })
  }

  t.test('with fewer entries than what waits needs, the software device takes its place', async (t) => {
    standIn.control(`entries ${forWaiting - 1}`)
    const holding = await Holding.start(t, { workers: 2, policy: 'least-connections', device: 'dlb' })
    t.match(holding.balancer.stats().device, { kind: 'software', fallback: true, reason: /eventStateEntries/ })
    await holding.fill(10, 2)
    t.strictSame(holding.active(), [5, 5])
  })
  standIn.finish()
}
