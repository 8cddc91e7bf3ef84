import t from 'tap'
import { seeded } from '../../bench/balancer/clients/schedule.ts'
import { Tally } from '../../bench/balancer/clients/tally.ts'
import { overMean, padded } from '../../bench/balancer/loads/held.ts'
import { parseWrk } from '../../bench/balancer/loads/wrk.ts'
import { Latencies } from '../../bench/lib/histogram.ts'
import { quantile, spread } from '../../bench/lib/stats.ts'

t.test('percentiles are those of the recorded values, to 3 digits', async (t) => {
  const random = seeded(3)
  // From 10 µs to 10 s, so that all sizes of buckets occur.
  const values = Array.from({ length: 10_000 }, () => Math.round(10 * 10 ** (random() * 6)))
  const latencies = new Latencies()
  for (const value of values) latencies.record(value)
  const sorted = values.sort((a, b) => a - b)
  for (const q of [0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = quantile(sorted, q)
    t.ok(Math.abs(latencies.quantile(q) - exact) <= exact * 0.001 + 1, `${q}: ${latencies.quantile(q)}, ${exact}`)
  }
  t.equal(latencies.count, 10_000)
})

t.test('histograms of several clients, sent as text, make one', async (t) => {
  const [a, b] = [new Latencies(), new Latencies()]
  for (let i = 0; i < 990; i++) a.record(100)
  for (let i = 0; i < 10; i++) b.record(50_000)
  const all = Latencies.merge([a.encode(), b.encode()])
  t.equal(all.count, 1000)
  t.equal(all.quantile(0.99), 100)
  t.ok(Math.abs(all.quantile(0.995) - 50_000) <= 50)
  t.equal(new Latencies(all.encode()).count, 1000)
})

t.test('what is beyond the histogram, or less than nothing, is counted at its ends', async (t) => {
  const latencies = new Latencies()
  for (const value of [-5, 0, 1e12]) latencies.record(value)
  t.equal(latencies.count, 3)
  t.equal(new Latencies().quantile(0.99), 0)
})

t.test('the median and the ends of the rounds are values that were measured', async (t) => {
  t.strictSame(spread([5, 1, 9, 3, 7]), { median: 5, min: 1, max: 9 })
  t.strictSame(spread([4]), { median: 4, min: 4, max: 4 })
})

t.test('every n-th request of all clients together is of the rarer kind', async (t) => {
  const tally = new Tally([
    { name: 'others', path: '/' },
    { name: 'stalling', path: '/spin/100000', every: 50 },
  ])
  const names = Array.from({ length: 500 }, (_, i) => tally.kindOf(i).name)
  t.equal(names.filter((name) => name === 'stalling').length, 10)
  t.equal(names.indexOf('stalling'), 49)
})

t.test('a request without an answer is a failure, and its time counts', async (t) => {
  const kind = { name: 'requests', path: '/' }
  const tally = new Tally([kind])
  tally.count(kind, true, 1)
  tally.count(kind, false, 10_000)
  const { completed, failed, latencies } = tally.result()
  t.strictSame({ completed, failed }, { completed: 1, failed: 1 })
  t.equal(new Latencies(latencies.requests).count, 2)
  t.ok(new Latencies(latencies.requests).quantile(1) >= 9_990_000)
})

t.test('a worker without connections belongs to the mean', async (t) => {
  t.strictSame(padded([8, 4], 4), [8, 4, 0, 0])
  t.equal(overMean(padded([8, 4], 4)), 8 / 3)
  t.equal(overMean([5, 5, 5]), 1)
})

t.test("wrk's summary is read, errors too", async (t) => {
  const text = `Running 2s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  12345 requests in 2.01s, 1.50MB read
  Socket errors: connect 1, read 2, write 0, timeout 3
  Non-2xx or 3xx responses: 45
Requests/sec:   6141.79`
  t.strictSame(parseWrk(text), { completed: 12_300, failed: 51, seconds: 2.01 })
  t.strictSame(parseWrk('  600 requests in 1.50m, 1.50MB read'), { completed: 600, failed: 0, seconds: 90 })
  t.throws(() => parseWrk('unable to connect'), { message: 'wrk said: unable to connect' })
})
