import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from 'tap'
import { until } from '../../deadline.ts'
import type { Open } from '../world.ts'
import { control, member, memberWord, read, set } from './board.ts'
import { closing } from './closing.ts'
import type { Team } from './team.ts'
import { nightlyEvents, run, type Traffic } from './traffic.ts'
import { wakes } from './wakes.ts'

const mixed: Pick<Traffic, 'stages' | 'targets'> = {
  stages: ({ any, atomic, ordered }) => [any, atomic, ...ordered].map((queue) => ({ queue, first: true })),
  targets: ({ any, atomic, ordered }) => [
    { queue: any.id, type: 'unordered' },
    { queue: any.id, type: 'atomic' },
    { queue: atomic.id, type: 'atomic' },
    { queue: ordered[0].id, type: 'ordered' },
  ],
}

const oneStage: Pick<Traffic, 'stages' | 'targets'> = {
  stages: ({ ordered, sinkQueue }) => [
    { queue: ordered[0], first: true, next: { queue: sinkQueue, type: 'directed' }, gaps: true },
  ],
  targets: ({ ordered }) => [{ queue: ordered[0].id, type: 'ordered' }],
}

const twoStages: Pick<Traffic, 'stages' | 'targets'> = {
  stages: ({ ordered, sinkQueue }) => [
    { queue: ordered[0], first: true, next: { queue: ordered[1], type: 'ordered' } },
    { queue: ordered[1], first: false, next: { queue: sinkQueue, type: 'directed' }, gaps: true },
  ],
  targets: oneStage.targets,
}

const flowsToSink: Pick<Traffic, 'stages' | 'targets'> = {
  stages: ({ atomic, sinkQueue }) => [{ queue: atomic, first: true, next: { queue: sinkQueue, type: 'directed' } }],
  targets: ({ atomic }) => [{ queue: atomic.id, type: 'atomic' }],
}

/**
 * Holds a device to the contract when 2–8 threads use it at the same time.
 * @param share how much of the traffic, for a device that runs it all elsewhere
 */
export function threads(t: Test, open: Open, { share = 1 } = {}): void {
  const scaled = (events: number): number => nightlyEvents(share * events)
  t.test('each event of several threads comes to one of several others, once', async (t) =>
    run(t, open, { ...mixed, plan: { producers: 3, consumers: 4, events: scaled(500_000), flows: 96 } }),
  )

  t.test('between two threads too', async (t) =>
    run(t, open, { ...mixed, plan: { producers: 1, consumers: 1, events: scaled(20_000), flows: 8 } }),
  )

  t.test('a flow is at one thread at a time, keeps its order, and keeps it when forwarded', async (t) =>
    run(t, open, { ...flowsToSink, plan: { producers: 2, consumers: 4, events: scaled(50_000), flows: 24 } }),
  )

  t.test('order is restored whatever order threads finish in, with gaps where they release', async (t) =>
    run(t, open, { ...oneStage, plan: { producers: 2, consumers: 4, events: scaled(50_000), flows: 2 } }),
  )

  t.test('order is restored through two stages', async (t) =>
    run(t, open, { ...twoStages, plan: { producers: 1, consumers: 3, events: scaled(20_000), flows: 1 } }),
  )

  t.test('nothing is lost while ports are linked, unlinked, enabled and disabled all the time', async (t) =>
    run(t, open, {
      ...mixed,
      plan: { producers: 3, consumers: 4, events: scaled(50_000), flows: 96 },
      restless: true,
      meanwhile: async (team, below) => {
        const { domain, consumerPorts, board, plan } = team
        while (read(board, control.done) < plan.events) {
          team.assertHealthy()
          for (const port of consumerPorts) domain.enablePort(port)
          if (below(2) === 0) domain.disablePort(consumerPorts[below(consumerPorts.length)])
          await turn()
        }
        for (const port of consumerPorts) domain.enablePort(port)
      },
    }),
  )

  t.test('a port that is disabled while traffic runs gets nothing new', async (t) =>
    run(t, open, {
      ...mixed,
      plan: { producers: 2, consumers: 3, events: nightlyEvents(60_000), flows: 96 },
      allowed: 10_000,
      meanwhile: async (team) => {
        await team.reached(control.done, 1000)
        team.domain.disablePort(team.consumerPorts[0])
        await checkQuiet(t, team)
        team.domain.enablePort(team.consumerPorts[0])
        await allow(team, team.plan.events)
      },
    }),
  )

  t.test('a port that unlinks while traffic runs gets nothing new', async (t) =>
    run(t, open, {
      ...mixed,
      plan: { producers: 2, consumers: 3, events: nightlyEvents(60_000), flows: 96 },
      // It gets what its consumer queue takes of each thousand, at least 8.
      leavesAfter: 100,
      allowed: 1000,
      meanwhile: async (team) => {
        await until('the port has had 100 events', async () => {
          const isEnough = memberWord(team.board, team.consumer(0), member.events) >= 100
          if (!isEnough) await allow(team, 1000)
          return isEnough
        })
        await checkQuiet(t, team)
        await allow(team, team.plan.events)
      },
    }),
  )

  t.test('threads wake each other in bursts, and none is forgotten', async (t) => wakes(t, open))
  t.test('a domain that is closed while threads use it lets them all go', async (t) => closing(t, open))
}

/** The first consumer gets nothing any more, and the others do. */
async function checkQuiet(t: Test, team: Team): Promise<void> {
  const of = (i: number) => memberWord(team.board, team.consumer(i), member.events)
  // What was under way comes with the first of these.
  await allow(team, 10_000)
  const before = [0, 1, 2].map(of)
  await allow(team, 10_000)
  t.equal(of(0), before[0], 'nothing new')
  t.ok(of(1) + of(2) > before[1] + before[2], 'the others get it')
}

/** Lets so many more events be sent, if there are, and waits for them. */
async function allow(team: Team, events: number): Promise<void> {
  const { board, plan } = team
  const allowed = Math.min(read(board, control.allowed) + events, plan.events)
  set(board, control.allowed, allowed)
  await team.reached(control.done, allowed)
}
