import type { SchedulingTypeName } from '../../../lib/device/event-buffer.ts'
import type { Below } from '../seed.ts'

/**
 * A history: what was done to a device, step by step, and what could be seen after each. Queues and
 * ports go by their places in the configuration, the load-balanced ones first; events by their
 * numbers.
 */
export interface Setup {
  /** Load-balanced queues, by their sequence numbers. */
  readonly queues: readonly number[]
  readonly ports: readonly { readonly cqDepth: number; readonly eventStateEntries: number }[]
  /** Directed ports, each with its queue; then one more that only sends. */
  readonly sinks: number
  readonly credits: number
  /** Most events in one call. */
  readonly batch: number
  /**
   * An event's priority is its flow's, so that the flow's order and the priorities never disagree.
   */
  readonly flowPriorities: boolean
  /** Whether everything is linked from the start. */
  readonly linked: boolean
}

export interface Event {
  readonly queue: number
  readonly type: SchedulingTypeName
  readonly flow: number
  readonly priority: number
}

/**
 * What a call changes, in the order in which it does. Completed is the oldest; `successor` is −1
 * without one.
 */
export type Change =
  | { readonly kind: 'arrive'; readonly event: number }
  | { readonly kind: 'take'; readonly port: number; readonly event: number }
  | { readonly kind: 'complete'; readonly port: number; readonly successor: number }
  /** −1: unlinked. */
  | { readonly kind: 'link'; readonly port: number; readonly queue: number; readonly priority: number }
  | { readonly kind: 'enable'; readonly port: number; readonly enabled: boolean }

/** What stats() and the ports say. */
export interface Sight {
  readonly depths: readonly number[]
  readonly queued: readonly number[]
  readonly loads: readonly number[]
  readonly unreleased: readonly number[]
  readonly creditsFree: number
}

export interface Step {
  readonly text: string
  readonly changes: readonly Change[]
  readonly sight: Sight
  /** For a call that needs credits: how many events it offered, and how many were taken. */
  readonly offer?: { readonly offered: number; readonly taken: number }
  /** A port to which nothing came, however long it looked. */
  readonly idle?: number
}

export interface History {
  readonly setup: Setup
  readonly events: readonly Event[]
  readonly steps: readonly Step[]
  /** By port: the events in the order in which it received them. */
  readonly received: readonly (readonly number[])[]
}

export function randomSetup(below: Below): Setup {
  const ports = Array.from({ length: 1 + below(3) }, () => {
    const cqDepth = [8, 8, 8, 16][below(4)]
    return { cqDepth, eventStateEntries: [4, cqDepth, 2 * cqDepth][below(3)] }
  })
  const credits = [8, 24, 64, 200][below(4)]
  return {
    queues: Array.from({ length: 1 + below(3) }, () => [0, 0, 64][below(3)]),
    ports,
    sinks: 1 + below(2),
    credits,
    batch: [1, 3, 8][below(3)],
    flowPriorities: below(2) === 0,
    linked: below(2) === 0,
  }
}

export function randomEvent(setup: Setup, below: Below): Event {
  const queue = below(setup.queues.length + setup.sinks + 1) % (setup.queues.length + setup.sinks)
  const flow = below(4)
  const priority = setup.flowPriorities ? flow * 2 : [0, 3, 3, 7][below(4)]
  if (queue >= setup.queues.length) return { queue, type: 'directed', flow, priority }
  const parallel = setup.queues[queue] > 0 ? 'ordered' : 'unordered'
  return { queue, type: below(2) === 0 ? 'atomic' : parallel, flow, priority }
}
