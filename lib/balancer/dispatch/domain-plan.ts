import type { Device, DeviceKind, DomainConfig } from '../../device/device.ts'
import { deepestQueue } from '../../ledger/in-flight-limits.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { Policies } from './policies/index.ts'
import { isLoadBalanced, isOwnAccepting } from './policies/names.ts'

/**
 * The number of load-balanced queues, which is the number of links that a port has: see QueuePool.
 * On a DLB device, one of them is for probes, so that main's port has a link left for it.
 */
const QUEUES = 8
/**
 * The depth of a worker's consumer queue. Measurements have shown that a depth of 8 keeps tail
 * latencies low when a worker is stuck.
 */
export const WORKER_CQ_DEPTH = 8
/**
 * The depth with least-connections. A worker whose consumer queue is full gets no connection, even
 * if it has the fewest, so bursts have to fit. Priorities do not apply inside a consumer queue.
 */
const COUNTING_CQ_DEPTH = 256
/**
 * The number of event-state entries for connections that are adopted and not complete, because the
 * worker's loop has not yet come round: see BalancedCompletions.
 */
export const ADOPTED_ENTRIES = 8
export const WORKER_ENTRIES = WORKER_CQ_DEPTH + ADOPTED_ENTRIES
/** The depth of main's consumer queue. */
export const MAIN_CQ_DEPTH = 64
const CREDITS_PER_WORKER = 64
const BASE_CREDITS = 320
/**
 * The number of credits that a domain leaves to the device. A DLB device that stops while all its
 * credits are in its queues could not be probed, and its failure would not be noticed.
 */
const KEPT_FOR_PROBE = { software: 0, dlb: 1 }
/**
 * The most connections of one worker that least-connections counts. A DLB device has 2,048
 * event-state entries, and other processes need some.
 */
const MAX_COUNTED = { software: 4096, dlb: 256 }

/** The resources of a balancer's domain. */
export interface DomainPlan {
  readonly config: DomainConfig
  /** The number of load-balanced queues; 0 if no policy uses them. */
  readonly queues: number
  /** Whether each worker has a directed port. */
  readonly directed: boolean
  /** The number of open connections of each worker that the device can count. */
  readonly counted: number
}

/**
 * Plans a domain with a consumer port for each worker, and main's port, which sends connections and
 * receives those that no worker is linked to. Everything is created before the start, because a
 * started domain is fixed.
 *
 * The plan asks the device for what the workers and the policies need, and no more, because other
 * processes need the rest.
 *
 * - Load-balanced policies: 8 queues, of which a DLB device has one for probes; a load-balanced
 *   port for each worker with 16 event-state entries, and main's with 64.
 * - `least-connections`: for each worker 4,096 more entries (256 on a DLB device), or its share of
 *   what is free. in-flight-limits.ts says how many of them can be used at a time.
 * - Directed policies: a directed port with its queue for each worker. Without load-balanced
 *   policies, main's port is a directed one as well.
 * - All policies: 64 credits for each worker plus 320, or what the device has left except the one
 *   for probes.
 */
export function planDomain(device: Device, options: ResolvedOptions, policies: Policies): DomainPlan {
  const { workerPlaces: workers } = options
  const names = policies.names()
  const balanced = names.some(isLoadBalanced)
  const directed = names.some((name) => !isLoadBalanced(name) && !isOwnAccepting(name))
  const free = device.resources()
  const waiting = balanced ? workers * WORKER_ENTRIES + MAIN_CQ_DEPTH : 0
  const share = Math.max(0, Math.floor((free.eventStateEntries - waiting) / workers))
  const counted = names.includes('least-connections') ? Math.min(MAX_COUNTED[device.kind], share) : 0
  const usual = BASE_CREDITS + workers * CREDITS_PER_WORKER
  const config = {
    loadBalancedQueues: balanced ? QUEUES : 0,
    loadBalancedPorts: balanced ? workers + 1 : 0,
    directedPorts: (directed ? workers : 0) + (balanced ? 0 : 1),
    eventStateEntries: waiting + workers * counted,
    credits: creditsOf(device.kind, free.credits, options.credits, usual),
  }
  return { config, queues: config.loadBalancedQueues, directed, counted }
}

/**
 * @returns the number of credits that the options ask for, or else the usual number, or what is
 *   free. If the device has too few, a number that it refuses.
 */
function creditsOf(kind: DeviceKind, free: number, wanted: number | undefined, usual: number): number {
  const most = free - KEPT_FOR_PROBE[kind]
  if (most < 1) return free + 1
  if (wanted !== undefined && wanted > free) return wanted
  return Math.min(wanted ?? usual, most)
}

/** @returns the depth of the consumer queues of the workers' load-balanced ports. */
export function consumerQueueDepth({ counted }: DomainPlan, limit: number, options: ResolvedOptions): number {
  const { workerPlaces, listeners } = options
  if (listeners.hasPriorities) return WORKER_CQ_DEPTH
  const most = Math.min(COUNTING_CQ_DEPTH, counted)
  return deepestQueue(limit, workerPlaces, ADOPTED_ENTRIES, WORKER_CQ_DEPTH, most)
}
