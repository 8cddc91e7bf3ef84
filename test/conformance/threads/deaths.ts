import type { Test } from 'tap'
import { random } from '../random.ts'
import { type Below, nightly, seedFor } from '../seed.ts'
import { type Open, until } from '../world.ts'
import { Account } from './account.ts'
import { control, set } from './board.ts'
import { checkHealth } from './health.ts'
import type { Role } from './member.ts'
import { Team, times } from './team.ts'
import { consumerRole, producerRole, type Traffic } from './traffic.ts'

const epochs = nightly ? 200 : 2
const deathsPerEpoch = 15
const batch = 32

/** Ordered events and flows are forwarded to the sink; others are released. */
const traffic: Traffic = {
  plan: { producers: 2, consumers: 3, events: 2_000_000, flows: 48 },
  stages: ({ any, atomic, ordered, sinkQueue }) => [
    { queue: any, first: true },
    { queue: atomic, first: true, next: { queue: sinkQueue, type: 'directed' }, gaps: true },
    { queue: ordered[0], first: true, next: { queue: sinkQueue, type: 'directed' }, gaps: true },
  ],
  targets: ({ any, atomic, ordered }) => [
    { queue: any.id, type: 'unordered' },
    { queue: atomic.id, type: 'atomic' },
    { queue: ordered[0].id, type: 'ordered' },
    { queue: any.id, type: 'atomic' },
  ],
}

const isForwarded = (number: number): boolean => number % 4 === 1 || number % 4 === 2

/** Threads are terminated at random moments while they send, receive, forward and release. */
export function deaths(t: Test, open: Open): void {
  t.test('threads die anywhere, and every event is accounted for', async (t) => {
    const below = random(seedFor(t))
    for (let epoch = 0; epoch < epochs; epoch++) await t.test(`epoch ${epoch}`, async (t) => runEpoch(t, open, below))
  })
}

async function runEpoch(t: Test, open: Open, below: Below): Promise<void> {
  const team = new Team(t, open, below, traffic.plan)
  const { producers, consumers } = traffic.plan
  const account = new Account(team)
  set(team.board, control.goal, 2 ** 31 - 1)
  times(consumers, (i) => team.spawn(team.consumer(i), consumerRole(team, traffic, i)))
  team.spawn(team.sink, { kind: 'sink' })
  times(producers, (i) => team.spawn(i, producerRole(team, traffic, i)))
  await team.ready()
  for (let n = 0; n < deathsPerEpoch; n++) {
    const victim = below(producers + consumers)
    // At times before it has done anything.
    if (below(8) > 0) await team.operated(victim, 1 + below(2000))
    await team.kill(victim)
    if (victim < producers) {
      const from = account.settleProducer(victim)
      team.spawn(victim, fromNumber(producerRole(team, traffic, victim), from))
    } else {
      buryConsumer(team, account, victim)
      team.spawn(victim, consumerRole(team, traffic, victim - producers))
    }
  }
  await finish(team, account)
  account.check(t, isForwarded)
  await checkHealth(t, team)
}

function fromNumber(role: Role, from: number): Role {
  return role.kind === 'produce' ? { ...role, options: { ...role.options, from } } : role
}

function buryConsumer(team: Team, account: Account, victim: number): void {
  const { holders, control: words } = team.board
  for (const [flow, holder] of holders.entries()) if (holder === victim + 1) Atomics.store(holders, flow, 0)
  const recovered = team.recover(victim, team.domain.createEvents(batch))
  account.settleConsumer(recovered, batch)
  Atomics.add(words, control.done, recovered.length)
}

/** Nothing more is sent; what is on its way comes to its end. */
async function finish(team: Team, account: Account): Promise<void> {
  set(team.board, control.producersStop, 1)
  for (let i = 0; i < team.plan.producers; i++) {
    await team.exited(i)
    account.settleProducer(i)
  }
  await until('all that was accepted has gone through', () => {
    team.assertHealthy()
    const { queues, ports } = team.domain.stats()
    return queues.every(({ depth }) => depth === 0) && ports.every(({ queued, load }) => queued === 0 && load === 0)
  })
  await team.stopConsumers()
}
