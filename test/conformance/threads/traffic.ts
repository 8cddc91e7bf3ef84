import type { Test } from 'tap'
import type { SchedulingTypeName } from '../../../lib/device/index.ts'
import { random } from '../random.ts'
import { type Below, nightly, seedFor } from '../seed.ts'
import type { Open } from '../world.ts'
import { control, isGap, read, set } from './board.ts'
import type { ConsumeOptions, Stage } from './consume.ts'
import type { Role } from './member.ts'
import type { ProduceOptions } from './produce.ts'
import { type Plan, Team, times } from './team.ts'

/** What is sent, and what the consumers do with it. */
export interface Traffic {
  readonly plan: Plan
  readonly stages: (team: Team) => readonly Stage[]
  readonly targets: (team: Team) => readonly { readonly queue: number; readonly type: SchedulingTypeName }[]
  readonly restless?: boolean
  /** The first consumer unlinks after so many events. */
  readonly leavesAfter?: number
  /** The number of events that are sent before `meanwhile` allows more; undefined: all. */
  readonly allowed?: number
  /** In the main thread, while traffic runs. */
  readonly meanwhile?: (team: Team, below: Below) => Promise<void>
}

/**
 * Fewer than the credits by what consumers can hold and want to forward: else nobody could forward.
 */
export const window = 2048

export function produceOptions(team: Team, traffic: Traffic, index: number): ProduceOptions {
  const { events, flows } = team.plan
  const { senders } = team
  const share = Math.floor(events / senders)
  return {
    from: index * share,
    to: index === senders - 1 ? events : (index + 1) * share,
    targets: traffic.targets(team),
    flows: times(flows, (flow) => flow).filter((flow) => flow % senders === index),
    window,
  }
}

export function consumeOptions(team: Team, traffic: Traffic): ConsumeOptions {
  return { stages: traffic.stages(team), restless: traffic.restless ?? false }
}

/** Every other consumer sleeps. */
export function consumerRole(team: Team, traffic: Traffic, index: number): Role {
  const { leavesAfter } = traffic
  const leaves = index === 0 && leavesAfter !== undefined ? { leavesAfter } : {}
  return { kind: 'consume', options: { ...consumeOptions(team, traffic), ...leaves }, sleeps: index % 2 === 1 }
}

export function sinkRole(below: Below): Role {
  return { kind: 'sink', sleeps: below(2) === 0 }
}

/** Runs traffic to its end: every event has come exactly once, and no more come. */
export async function run(t: Test, open: Open, traffic: Traffic): Promise<void> {
  const below = random(seedFor(t))
  const team = new Team(t, open, below, traffic.plan)
  const { producers, consumers, events } = traffic.plan
  Atomics.store(team.board.control, control.goal, events)
  if (traffic.allowed !== undefined) set(team.board, control.allowed, traffic.allowed)
  times(consumers, (i) => team.spawn(team.consumer(i), consumerRole(team, traffic, i)))
  team.spawn(team.sink, sinkRole(below))
  times(producers, (i) => team.spawn(i, { kind: 'produce', options: produceOptions(team, traffic, i) }))
  await traffic.meanwhile?.(team, below)
  await team.reached(control.done, events)
  for (let i = 0; i < producers; i++) await team.exited(i)
  await team.stopConsumers()
  t.equal(read(team.board, control.sent), events, 'all were sent')
  checkMarks(t, team, traffic)
  const buffer = team.domain.createEvents(64)
  const left = times(team.sink + 1, (i) => team.recover(i, buffer).length)
  t.same(
    left,
    times(team.sink + 1, () => 0),
    'nothing more comes',
  )
}

function checkMarks(t: Test, { board }: Team, { plan }: Traffic): void {
  const wrong: string[] = []
  for (let n = 0; n < plan.events; n++) {
    const [received, released, arrived] = [board.received[n], board.released[n], board.arrived[n]]
    if (received !== 1 || released + arrived !== 1) wrong.push(`${n}: ${received}, ${released}, ${arrived}`)
  }
  t.same(wrong.slice(0, 10), [], `each of ${plan.events} events was received once, and released or forwarded once`)
}

export function checkGaps(t: Test, { board, plan }: Team): void {
  t.notOk(
    board.released.subarray(0, plan.events).some((released, n) => released === 1 && !isGap(n)),
    'what was to be forwarded was',
  )
}

/** Numbers of events: the nightly variant has twenty times as many. */
export function nightlyEvents(events: number): number {
  return nightly ? 20 * events : events
}
