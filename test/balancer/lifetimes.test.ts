import t from 'tap'
import type { Ledger } from '../../lib/balancer/ledger.ts'
import { Lifetimes } from '../../lib/balancer/lifetimes.ts'

/** Connections that stay are told from those that come and go, by how many a worker has adopted lately and has open. */

const SECOND = 1000

t.test('a burst that is open stays; one that is closed again does not', async (t) => {
  const { lifetimes, counts } = worker()
  lifetimes.mark(10 * SECOND)
  counts.open(100)
  t.equal(lifetimes.stay(0), true)
  counts.close(51)
  t.equal(lifetimes.stay(0), false)
})

t.test('all that stay may be replaced at once', async (t) => {
  const { lifetimes, counts } = worker()
  counts.open(250)
  lifetimes.mark(10 * SECOND)
  lifetimes.mark(11 * SECOND)
  counts.close(250)
  counts.open(250)
  t.equal(lifetimes.stay(0), true)
})

t.test('what came more than two seconds ago does not count, what came less than one does', async (t) => {
  const { lifetimes, counts } = worker()
  lifetimes.mark(10 * SECOND)
  counts.open(1000)
  counts.close(1000)
  lifetimes.mark(11 * SECOND)
  counts.open(1)
  t.equal(lifetimes.stay(0), false, 'the mark before is what it compares with')
  lifetimes.mark(11.5 * SECOND)
  t.equal(lifetimes.stay(0), false, 'marks are a second apart')
  lifetimes.mark(12 * SECOND)
  t.equal(lifetimes.stay(0), true)
})

t.test('nor does what came before a pause', async (t) => {
  const { lifetimes, counts } = worker()
  lifetimes.mark(10 * SECOND)
  counts.open(1000)
  counts.close(1000)
  lifetimes.mark(60 * SECOND)
  counts.open(1)
  t.equal(lifetimes.stay(0), true)
})

function worker() {
  let adopted = 0
  let closed = 0
  const workerCounts = () => ({ adopted, active: adopted - closed })
  const counts = {
    open: (connections: number) => {
      adopted += connections
    },
    close: (connections: number) => {
      closed += connections
    },
  }
  return { lifetimes: new Lifetimes({ workers: 1, workerCounts } as unknown as Ledger), counts }
}
