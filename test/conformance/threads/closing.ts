import type { Test } from 'tap'
import { random } from '../random.ts'
import { seedFor } from '../seed.ts'
import type { Open } from '../world.ts'
import { control } from './board.ts'
import { Team, times } from './team.ts'
import { consumerRole, produceOptions, type Traffic } from './traffic.ts'

const traffic: Traffic = {
  plan: { producers: 2, consumers: 4, events: 1_000_000, flows: 16 },
  stages: ({ any }) => [{ queue: any, first: true }],
  targets: ({ any }) => [
    { queue: any.id, type: 'unordered' },
    { queue: any.id, type: 'atomic' },
  ],
}

/**
 * Threads that look again and again get the error; those that sleep have nothing more to hold their
 * loops open.
 */
export async function closing(t: Test, open: Open): Promise<void> {
  const below = random(seedFor(t))
  const team = new Team(t, open, below, traffic.plan)
  const before = team.device.resources()
  const { producers, consumers } = traffic.plan
  // Without a window: none is to rest because the others have ended.
  const window = traffic.plan.events
  times(producers, (i) => team.spawn(i, { kind: 'produce', options: { ...produceOptions(team, traffic, i), window } }))
  times(consumers - 1, (i) => team.spawn(team.consumer(i), consumerRole(team, traffic, i)))
  // It only sleeps: nothing is ever sent to it.
  team.spawn(team.sink - 1, { kind: 'echo', from: team.atomic, to: team.sinkQueue })
  await team.ready()
  await team.reached(control.done, 1000 + below(1000))
  team.domain.close()
  t.same(team.device.resources().domains, before.domains + 1)
  for (let i = 0; i < team.sink; i++) await team.exited(i)
  t.same(
    team.failures.filter((failure) => !failure.includes('ERR_DLB_CLOSED')),
    [],
    'no other error',
  )
  t.ok(team.failures.length >= producers + 2, 'every thread that looks again and again got it')
}
