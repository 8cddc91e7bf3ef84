import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { nightly, seedFor } from '../conformance/seed.ts'
import type { Bursts } from './fixtures/burster.ts'
import { StandIn, supported } from './stand-in.ts'

/** Nightly, they are millions. */
const bursts = nightly ? 1_000_000 : 20_000
/** With these, a burst takes milliseconds. */
const slow = new Set(['delay-interrupts 1', 'lost-interrupts 20', 'slow-looks 1'])

if (supported) testWakes(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function testWakes(standIn: StandIn): void {
  const ways: Record<string, string[]> = {
    'a device that fires when armed while tokens are out': ['interrupts arming'],
    'a device that fires for new arrivals only': ['interrupts arrival'],
    'wakes without an event': ['interrupts arming', 'spurious-interrupts 3'],
    'receives that find the consumer queue empty at once': ['interrupts arrival', 'exact-receives-look'],
    'interrupts that come late': ['interrupts arrival', 'delay-interrupts 1'],
    'every 20th interrupt is lost': ['interrupts arming', 'lost-interrupts 20'],
    'every 20th interrupt of a device that fires for new arrivals only is lost': [
      'interrupts arrival',
      'lost-interrupts 20',
    ],
    'looks that eat the interrupts of what comes meanwhile': ['interrupts arrival', 'slow-looks 1'],
  }
  for (const [what, commands] of Object.entries(ways)) {
    t.test(`no wake-up is lost: ${what}`, async (t) => {
      for (const command of commands) standIn.control(command)
      await wake(t, standIn, bursts / (commands.some((command) => slow.has(command)) ? 50 : 1))
      standIn.control('clear-faults')
    })
  }
  standIn.finish()
}

async function wake(t: Test, standIn: StandIn, count: number): Promise<void> {
  const domain = standIn.open(t).createDomain({ loadBalancedQueues: 1, loadBalancedPorts: 1, directedPorts: 1 })
  t.teardown(() => domain.close())
  const queue = domain.createLoadBalancedQueue()
  const port = domain.attachPort(domain.createLoadBalancedPort({ cqDepth: 8 }))
  const sender = domain.createDirectedPort({ cqDepth: 8 })
  port.link(queue)
  domain.start()
  const words = new Int32Array(new SharedArrayBuffer(12))
  const events = domain.createEvents(4)
  let empty = 0
  port.onReadable(() => {
    const n = port.receive(events, 1 + (words[0] & 3))
    if (n === 0) empty++
    port.release(n)
    Atomics.add(words, 0, n)
    Atomics.notify(words, 0)
  })
  const seed = seedFor(t)
  const workerData: Bursts = { token: domain.share(), port: sender, queue, bursts: count, seed, words }
  const worker = new Worker(new URL('./fixtures/burster.js', import.meta.url), { workerData, execArgv: [] })
  const [code] = await once(worker, 'exit')
  port.onReadable(null)
  t.equal(code, 0, `all of ${words[0]} events came, the slowest burst in ${words[1]} ms`)
  t.equal(empty, 0, 'a callback always finds something')
}
