import type { DeviceKind, PortId, QueueId, SchedulingDomain } from '../../device/device.ts'
import type { InFlightLimits } from '../../ledger/in-flight-limits.ts'
import type { ResolvedOptions } from '../options/options.ts'
import {
  ADOPTED_ENTRIES,
  consumerQueueDepth,
  type DomainPlan,
  MAIN_CQ_DEPTH,
  WORKER_CQ_DEPTH,
  WORKER_ENTRIES,
} from './domain-plan.ts'

/** A worker's consumer ports; null for a kind that the domain does not have. */
export interface WorkerPorts {
  readonly balanced: PortId | null
  readonly directed: PortId | null
}

/** The parts of a domain. */
export interface DomainPorts {
  /** The load-balanced queues, from which listeners get theirs. */
  readonly queues: readonly QueueId[]
  /** The queue for probes: one that no listener gets, or the one of main's directed port. */
  readonly probeQueue: QueueId
  /** Main's port. */
  readonly main: PortId
  /** By worker. */
  readonly workers: readonly WorkerPorts[]
  /** The device's limits on the number of open connections that it counts. */
  readonly limits: InFlightLimits
  /** The depth of the consumer queues of the workers' load-balanced ports. */
  readonly cqDepth: number
}

/** Creates the queues and ports of a domain that has not started, as planned. */
export function createPorts(domain: SchedulingDomain, plan: DomainPlan, options: ResolvedOptions): DomainPorts {
  const queues = Array.from({ length: plan.queues }, () => domain.createLoadBalancedQueue())
  const limit = Math.min(...queues.map((queue) => domain.inFlightLimit(queue)))
  const cqDepth = consumerQueueDepth(plan, limit, options)
  const mainDepth = { cqDepth: MAIN_CQ_DEPTH }
  const main = plan.queues > 0 ? domain.createLoadBalancedPort(mainDepth) : domain.createDirectedPort(mainDepth)
  return {
    queues: queues.slice(probeQueues[domain.kind]),
    probeQueue: queues.at(0) ?? directedQueueOf(main),
    main,
    workers: Array.from({ length: options.workerPlaces }, () => createWorkerPorts(domain, plan, cqDepth)),
    limits: { perWorker: plan.counted, total: limit, reserved: cqDepth + ADOPTED_ENTRIES },
    cqDepth,
  }
}

/** The number of load-balanced queues that listeners do not get. */
const probeQueues: Readonly<Record<DeviceKind, number>> = { dlb: 1, software: 0 }

function createWorkerPorts(domain: SchedulingDomain, plan: DomainPlan, cqDepth: number): WorkerPorts {
  const { queues, directed, counted } = plan
  const eventStateEntries = WORKER_ENTRIES + counted
  return {
    balanced: queues > 0 ? domain.createLoadBalancedPort({ cqDepth, eventStateEntries }) : null,
    directed: directed ? domain.createDirectedPort({ cqDepth: WORKER_CQ_DEPTH }) : null,
  }
}

export function portsOf({ balanced, directed }: WorkerPorts): PortId[] {
  return [balanced, directed].filter((port) => port !== null)
}

/** @returns the queue that the directed port consumes. */
export function directedQueueOf({ id }: PortId): QueueId {
  return { kind: 'directed', id }
}
