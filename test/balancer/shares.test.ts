import { once } from 'node:events'
import t from 'tap'
import { nightly } from '../conformance/seed.ts'
import { difference, type Held, Holding } from './holding.ts'

/** What the policies promise of the counts, with real connections that are held. */

const totals = [8, 100]
const trials = nightly ? 20 : 5
const largeTotals = [1000, 4096]
const largeTrials = nightly ? 20 : 1

for (const policy of ['exact', 'round-robin'] as const) {
  for (const workers of [2, 4, 8, 32]) {
    t.test(`${policy}: the counts of ${workers} workers differ by at most one, whatever is held`, async (t) => {
      const holding = await Holding.start(t, { workers, policy })
      const worst = async (total: number, times: number): Promise<number> => {
        let most = 0
        for (let trial = 0; trial < times; trial++) {
          await holding.fill(total)
          most = Math.max(most, difference(holding.active()))
          await holding.end([...holding.held])
        }
        return most
      }
      for (const total of totals) t.ok((await worst(total, trials)) <= 1, `${total} connections`)
      for (const total of largeTotals) t.ok((await worst(total, largeTrials)) <= 1, `${total} connections`)
    })
  }

  t.test(`${policy}: a burst of 1,000 that comes while no worker answers is dealt evenly`, async (t) => {
    const holding = await Holding.start(t, { workers: 4, policy })
    await holding.blockAll()
    const before = holding.held.size
    const burst: Held[] = []
    while (burst.length < 1000) {
      // The backlog has room for this many, whether or not anything accepts them.
      for (let i = 0; i < 250; i++) burst.push(holding.connect())
      await Promise.all(burst.slice(-250).map(({ socket }) => once(socket, 'connect')))
    }
    holding.unblock()
    await Promise.all(burst.map((held) => held.taken()))
    const counts = holding.active()
    // Under round-robin, those that blocked the workers were dealt in turn, too.
    t.ok(difference(counts) <= 1, counts.join(', '))
    t.equal(holding.held.size, before + 1000)
  })
}
