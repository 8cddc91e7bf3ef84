import t from 'tap'
import { until } from '../deadline.ts'
import { difference, Holding } from './holding.ts'

/** Workers accept themselves while all of them have something to do. */

const WORKERS = 2
const BURST = 100

for (const policy of ['unordered', 'least-connections'] as const) {
  t.test(`${policy}: what workers accept is dealt as everything else`, async (t) => {
    // In the debug log, the acceptor has the number after the workers'.
    let accepted = 0
    const debug = (line: string): void => {
      if (/^worker_[01] dlb send fd \d+$/.test(line)) accepted++
    }
    const holding = await Holding.start(t, { workers: WORKERS, policy, debug })
    await until('a worker accepts', async () => {
      await holding.fill(BURST)
      if (policy === 'least-connections') t.ok(difference(holding.active()) <= 1, holding.active().join(', '))
      await holding.end(holding.held)
      return accepted > 0
    })
    const { connections } = holding.balancer.stats()
    t.match(connections, { refused: 0, shed: 0, stale: 0, inFlight: 0, active: 0 })
    t.equal(connections.accepted, connections.adopted)
  })
}

t.test('with limits, only main accepts', async (t) => {
  let accepted = 0
  const debug = (line: string): void => {
    if (/^worker_[01] dlb send/.test(line)) accepted++
  }
  const holding = await Holding.start(t, { workers: WORKERS, debug, maxConnections: 10_000 })
  await holding.fill(5 * BURST)
  t.equal(accepted, 0)
})
