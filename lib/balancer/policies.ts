import type { QueueId, QueueKind } from '../device/device.ts'
import { type EventBuffer, SchedulingType } from '../device/event-buffer.ts'

/** What a policy sees of a listener. */
export interface Balanced {
  /** Its load-balanced queue; null if the policy needs none. */
  readonly queue: QueueId | null
  /** The directed queues of the workers that listen, by worker; empty for load-balanced queues. */
  directQueues: readonly QueueId[]
  /** The round-robin policy's place in them. */
  turn: number
}

/** Decides, through the events' targets, which worker gets a connection. */
export interface Policy {
  /** The kind of port that workers receive from. */
  readonly portKind: QueueKind
  /** Addresses event `i`, the connection `place` places after the last one that was sent. */
  target(events: EventBuffer, i: number, listener: Balanced, place: number): void
  /** So many of those addressed were sent. */
  sent(listener: Balanced, count: number): void
}

const HIGHEST_PRIORITY = 0

/**
 * The device deals each connection to the listening worker that has the fewest waiting, and it is complete once
 * the worker has adopted it: Envoy's DLB extension does the same.
 *
 * Cost: none in this process beyond the send; one load-balanced queue per listener, at most 8 connections waiting
 * per worker. It balances what waits, not what is open: long-lived connections can pile up on a worker that is quick
 * to adopt.
 */
const unordered: Policy = {
  portKind: 'load-balanced',
  target(events, i, { queue }) {
    if (queue) events.setTarget(i, queue.id, SchedulingType.unordered, HIGHEST_PRIORITY)
  },
  sent() {
    // The device keeps the counts.
  },
}

/**
 * The listening workers in turn, as `node:cluster` deals. The counts of connections dealt differ by at most one.
 *
 * Cost: a directed queue per worker; a connection that was dealt to a worker that is stuck waits for it.
 */
const roundRobin: Policy = {
  portKind: 'directed',
  target(events, i, { directQueues, turn }, place) {
    const queue = directQueues[(turn + place) % directQueues.length]
    events.setTarget(i, queue.id, SchedulingType.directed, HIGHEST_PRIORITY)
  },
  sent(listener, count) {
    listener.turn = (listener.turn + count) % Math.max(1, listener.directQueues.length)
  },
}

const policies = { unordered, 'round-robin': roundRobin } as const

export type PolicyName = keyof typeof policies

export const policyNames: readonly PolicyName[] = ['unordered', 'round-robin']

export function isPolicyName(value: unknown): value is PolicyName {
  return typeof value === 'string' && Object.hasOwn(policies, value)
}

export function getPolicy(name: PolicyName): Policy {
  return policies[name]
}
