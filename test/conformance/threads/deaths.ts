import type { Test } from 'tap'
import { until } from '../../deadline.ts'
import { random } from '../random.ts'
import { type Below, nightly, seedFor } from '../seed.ts'
import type { Open } from '../world.ts'
import { Account } from './account.ts'
import { control, set } from './board.ts'
import { checkHealth } from './health.ts'
import type { Role } from './member.ts'
import { Team } from './team.ts'
import { consumeOptions, consumerRole, produceOptions, type Traffic } from './traffic.ts'

const epochs = nightly ? 100 : 1
const deathsPerEpoch = 12
const batch = 32

/**
 * Each thread has one task. Ordered events and flows are forwarded to the sink; others are
 * released.
 */
const divided: Traffic = {
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

const goesToSink = (number: number): boolean => number % 4 === 1 || number % 4 === 2

/**
 * All threads do everything, through one port each, without a rest: they are in the device nearly
 * all the time.
 */
const storm: Traffic = {
  plan: { producers: 0, consumers: 4, events: 2_000_000, flows: 48 },
  stages: ({ any, atomic, ordered }) => [
    { queue: any, first: true },
    { queue: atomic, first: true },
    { queue: ordered[0], first: true, next: { queue: ordered[1], type: 'ordered' } },
    { queue: ordered[1], first: false },
  ],
  targets: divided.targets,
}

/** Threads are terminated at random moments while they send, receive, forward and release. */
export function deaths(t: Test, open: Open): void {
  t.test('threads die anywhere in what they do, and every event is accounted for', async (t) =>
    repeat(t, (t, below) => runEpoch(t, open, below, { traffic: divided, isForwarded: goesToSink })),
  )

  t.test('threads that do everything die in the middle of it', async (t) =>
    repeat(t, (t, below) => runEpoch(t, open, below, { traffic: storm, isForwarded: () => false })),
  )

  t.test('what waits for a thread that dies on a directed port is not lost', async (t) =>
    repeat(t, (t, below) =>
      runEpoch(t, open, below, { traffic: divided, isForwarded: goesToSink, onlySinkDies: true }),
    ),
  )
}

interface Course {
  readonly traffic: Traffic
  /** Whether an event is forwarded to the sink, if it is no gap. */
  readonly isForwarded: (number: number) => boolean
  readonly onlySinkDies?: boolean
}

async function repeat(t: Test, run: (t: Test, below: Below) => Promise<void>): Promise<void> {
  const below = random(seedFor(t))
  for (let epoch = 0; epoch < epochs; epoch++) await t.test(`epoch ${epoch}`, async (t) => run(t, below))
}

async function runEpoch(t: Test, open: Open, below: Below, course: Course): Promise<void> {
  const { traffic, isForwarded, onlySinkDies = false } = course
  const team = new Team(t, open, below, traffic.plan)
  const account = new Account(team)
  const share = Math.floor(traffic.plan.events / (deathsPerEpoch + 1))
  set(team.board, control.goal, 2 ** 31 - 1)
  team.allow(share)
  for (let i = team.sink; i >= 0; i--) team.spawn(i, roleOf(team, traffic, i))
  await team.ready()
  for (let n = 0; n < deathsPerEpoch; n++) {
    const victim = onlySinkDies ? team.sink : below(team.sink)
    // At times before it has done anything.
    if (below(8) > 0) await team.operated(victim, 1 + below(400), share)
    await team.kill(victim)
    const role = roleOf(team, traffic, victim)
    const from = victim < team.senders ? account.settleSender(victim) : 0
    // What waits on a directed port, which owes nothing, can be left to the next thread.
    if (role.kind === 'sink' && below(2) === 0) account.settleConsumer([], batch)
    else if (role.kind !== 'produce') buryConsumer(team, account, victim)
    team.spawn(victim, goOn(role, from))
  }
  await finish(team, account)
  account.check(t, isForwarded, onlySinkDies)
  await checkHealth(t, team)
}

function roleOf(team: Team, traffic: Traffic, index: number): Role {
  const { producers } = traffic.plan
  if (index === team.sink) return { kind: 'sink' }
  if (producers === 0) {
    return { kind: 'both', produce: produceOptions(team, traffic, index), consume: consumeOptions(team, traffic) }
  }
  if (index < producers) return { kind: 'produce', options: produceOptions(team, traffic, index) }
  return consumerRole(team, traffic, index - producers)
}

function goOn(role: Role, from: number): Role {
  if (role.kind === 'produce') return { ...role, options: { ...role.options, from } }
  return role.kind === 'both' ? { ...role, produce: { ...role.produce, from } } : role
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
  for (let i = 0; i < team.plan.producers; i++) await team.exited(i)
  await until('all that was accepted has gone through', () => {
    team.assertHealthy()
    const { queues, ports } = team.domain.stats()
    return queues.every(({ depth }) => depth === 0) && ports.every(({ queued, load }) => queued + load === 0)
  })
  await team.stopConsumers()
  // A snapshot can miss an event that moves, or that a thread is about to send.
  account.settleConsumer(await team.sweep(), 0)
  for (let i = 0; i < team.senders; i++) account.settleSender(i)
}
