import t from 'tap'
import { type Clock, openLoop } from '../../bench/balancer/clients/open-loop.ts'
import { dueTimes, seeded } from '../../bench/balancer/clients/schedule.ts'

/** A clock that only goes on when somebody waits, or says that time passes. */
class FakeClock implements Clock {
  time = 0

  now(): number {
    return this.time
  }

  wait(milliseconds: number, then: () => void): void {
    this.time += milliseconds
    setImmediate(then)
  }
}

t.test('even requests are due at the rate, from the start on', async (t) => {
  const due = dueTimes({ rate: 500, seconds: 2 }, Math.random)
  t.equal(due.length, 1000)
  t.strictSame([...due.slice(0, 3)], [0, 2, 4])
  t.equal(due[999], 1998)
})

t.test('random requests have the rate, gaps of all sizes, and are the same each time', async (t) => {
  const due = dueTimes({ rate: 1000, seconds: 20, arrivals: 'random' }, seeded(7))
  t.ok(Math.abs(due[due.length - 1] - 20_000) < 600, 'four standard deviations of the sum of the gaps')
  const gaps = due.map((time, i) => time - (due[i - 1] ?? 0))
  const share = (under: number): number => gaps.filter((gap) => gap < under).length / gaps.length
  // This is the share of an exponential distribution.
  t.ok(Math.abs(share(1) - 0.632) < 0.02)
  t.ok(Math.abs(share(3) - 0.95) < 0.02)
  t.strictSame(due, dueTimes({ rate: 1000, seconds: 20, arrivals: 'random' }, seeded(7)))
})

t.test('no request is sent before it is due', async (t) => {
  const clock = new FakeClock()
  const sent: number[] = []
  await openLoop(Float64Array.of(0, 2.5, 2.6, 10), 5, clock, (_, dueAt) => {
    t.ok(clock.now() >= dueAt)
    sent.push(dueAt)
  })
  t.strictSame(sent, [5, 7.5, 7.6, 15])
})

t.test('what keeps the client from sending counts as latency of every request that it kept back', async (t) => {
  const clock = new FakeClock()
  const latencies: number[] = []
  await openLoop(dueTimes({ rate: 1000, seconds: 0.3 }, Math.random), 0, clock, (i, dueAt) => {
    // Nothing happens for 100 ms, as if the process were not scheduled.
    if (i === 100) clock.time += 100
    latencies.push(clock.now() - dueAt)
  })
  t.equal(latencies.length, 300, 'none is left out')
  t.ok(latencies.slice(0, 100).every((latency) => latency <= 1))
  // A client that timed from the sending would have seen one slow request.
  t.equal(latencies.filter((latency) => latency > 50).length, 50)
  t.equal(Math.max(...latencies), 100)
})
