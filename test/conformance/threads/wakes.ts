import type { Test } from 'tap'
import type { EventBuffer, Port } from '../../../lib/device/index.ts'
import { until } from '../../deadline.ts'
import { random } from '../random.ts'
import { type Below, seedFor } from '../seed.ts'
import type { Open } from '../world.ts'
import { Team, times } from './team.ts'
import { nightlyEvents } from './traffic.ts'

const patienceMilliseconds = 30_000
const mostInBurst = 20

/**
 * Bursts of events to threads that sleep, which forward them from their callbacks to this one,
 * which sleeps too. A wake that is lost leaves a burst incomplete for ever.
 */
export async function wakes(t: Test, open: Open): Promise<void> {
  const below = random(seedFor(t))
  const team = new Team(t, open, below, { producers: 1, consumers: 3, events: 1, flows: 1 })
  const { domain, any, sinkQueue, consumerPorts } = team
  times(consumerPorts.length, (i) => team.spawn(team.consumer(i), { kind: 'echo', from: any, to: sinkQueue }))
  await team.ready()
  const sender = domain.attachPort(team.producerPorts[0])
  const back = domain.attachPort(team.sinkPort)
  const events = domain.createEvents(64)
  const bursts = nightlyEvents(2000)
  let done = 0
  try {
    for (; done < bursts; done++) {
      team.assertHealthy()
      // At times right away, when the threads are about to sleep; at times when they have been
      // asleep for long.
      for (let turns = below(4); turns > 0; turns--) await new Promise(setImmediate)
      await burst(sender, back, events, any.id, below)
    }
  } catch (error) {
    t.comment(JSON.stringify(domain.stats()))
    throw error
  }
  t.equal(done, bursts)
}

async function burst(sender: Port, back: Port, events: EventBuffer, queue: number, below: Below): Promise<void> {
  const size = 1 + below(mostInBurst)
  let taken = 0
  for (let i = 0; i < size; i++) events.setTarget(i, queue, 1, 0)
  await until(`${size} events are taken`, () => {
    taken += sender.send(events, size - taken, taken)
    return taken === size
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`of ${size} events, some did not come back`)), patienceMilliseconds)
  })
  const complete = new Promise<void>((resolve) => {
    let came = 0
    back.onReadable(() => {
      came += back.receive(events, 1 + below(events.length))
      if (came === size) resolve()
    })
  })
  await Promise.race([complete, late])
  clearTimeout(timer)
  back.onReadable(null)
}
