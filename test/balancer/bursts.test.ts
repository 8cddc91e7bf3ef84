import { Worker } from 'node:worker_threads'
import t from 'tap'
import { nightly } from '../conformance/seed.ts'
import { difference, Holding } from './holding.ts'

/**
 * Bursts of connections that stay are dealt evenly under least-connections while nobody is blocked,
 * on a machine that has more threads to run than cores: then threads wait for a core for longer
 * than a blocked worker is waited for.
 */

const workers = 4
const hogs = 2
const policy = 'least-connections'
const starts = nightly ? 100 : 8
const rounds = nightly ? 100 : 20

t.before(() => {
  for (let i = 0; i < hogs; i++) {
    const hog = new Worker('for (;;);', { eval: true, execArgv: [] })
    t.teardown(() => hog.terminate())
  }
})

t.test('right after the start', async (t) => {
  for (let start = 0; start < starts; start++) {
    await t.test(`start ${start}`, async (t) => {
      const holding = await Holding.start(t, { workers, policy, stallTimeout: 3 })
      await holding.fill(64)
      t.ok(difference(holding.active()) <= 1, holding.active().join(', '))
    })
  }
})

t.test('after all of them were replaced', async (t) => {
  const holding = await Holding.start(t, { workers, policy, stallTimeout: 3 })
  for (let round = 0; round < rounds; round++) {
    await holding.fill(64)
    t.ok(difference(holding.active()) <= 1, holding.active().join(', '))
    await holding.end([...holding.held])
  }
})

t.test('1,000 of them, of which 100 are replaced at a time, the last of each worker', async (t) => {
  const holding = await Holding.start(t, { workers, policy, stallTimeout: 3 })
  for (let round = 0; round < rounds / 4; round++) {
    await holding.fill(1000)
    t.ok(difference(holding.active()) <= 1, holding.active().join(', '))
    await holding.end([...holding.held].slice(-100))
  }
})
