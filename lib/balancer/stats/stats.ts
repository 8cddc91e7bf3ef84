import type { AddressInfo } from 'node:net'
import type { Ledger } from '../../ledger/ledger.ts'
import type { DeviceFacts, Fabric, FabricCounts } from '../dispatch/fabric.ts'
import type { PolicyName } from '../dispatch/policies/names.ts'
import type { ListenerTable } from '../listeners/table.ts'
import type { Eligibility, HoldReason } from '../workers/eligibility.ts'
import type { Supervisor, WorkerState } from '../workers/supervisor.ts'
import type { Cuts } from './cuts.ts'
import type { Health } from './health.ts'

/** Plain data, taken at one moment; counts are of connections, since the start. */
export interface BalancerStats {
  readonly device: DeviceFacts
  /** The one in use: a fallback may be to another than was asked for. */
  readonly policy: PolicyName
  readonly health: Health
  readonly connections: ConnectionStats
  readonly workers: readonly WorkerStats[]
  readonly listeners: readonly ListenerStats[]
  readonly domain: {
    /** Credits that nobody holds: how many more connections may wait in the device. */
    readonly creditsFree: number
    /** Connections in the listeners' queues that no worker has been dealt yet. */
    readonly queued: number
  }
}

/**
 * accepted = adopted + refused + shed + inFlight, and adopted = active + closed. All but inFlight,
 * active and waiting only grow.
 */
export interface ConnectionStats {
  readonly accepted: number
  /** Taken by a worker. */
  readonly adopted: number
  /** Closed without having been adopted: nobody listened any more. */
  readonly refused: number
  /**
   * Closed at once, because the process had no descriptors left; after `maxRetries`, because the
   * device took nothing; or beyond a limit, by `overLimit`.
   */
  readonly shed: number
  /**
   * Accepted and not yet adopted: waiting for credits, in the device, or in a worker's consumer
   * queue.
   */
  readonly inFlight: number
  /** Open in a worker. */
  readonly active: number
  readonly closed: number
  /** Of closed and refused: open or waiting at the deadline of a drain, and closed then. */
  readonly cut: number
  /**
   * Of inFlight: waiting in the main thread for credits, or below a limit. Accepting is paused
   * while there are any.
   */
  readonly waiting: number
  /** Of closed: for a PROXY header that was malformed, or did not come within 5 s. */
  readonly badHeaders: number
  /** Taken back from workers that were stalled, and dealt again. */
  readonly takenBack: number
  /**
   * Events that named a connection which was not there any more; they are ignored. Each one that is
   * taken back makes one at most, and a few after a worker died are normal.
   */
  readonly stale: number
}

export interface WorkerStats {
  readonly worker: number
  readonly state: WorkerState
  /** Whether it has a server that listens. */
  readonly listening: boolean
  /** Null while it has no thread. */
  readonly threadId: number | null
  /** Why it gets no new connections just now; empty if it gets some. */
  readonly held: readonly HoldReason[]
  /** How often it died and was needed again. */
  readonly deaths: number
  readonly adopted: number
  readonly active: number
  readonly closed: number
  /** Of closed: open at the deadline when the worker was to end. */
  readonly cut: number
  /**
   * Connections that were more than the device can count, under the policy least-connections. Since
   * the start.
   */
  readonly completedEarly: number
  /** Connections dealt to it that it has not adopted yet. */
  readonly queued: number
}

export interface ListenerStats {
  readonly id: number
  /** IP address, or null for a Unix socket. */
  readonly address: string | null
  readonly port: number | null
  readonly path: string | null
  readonly policy: PolicyName
  readonly priority: number
  readonly proxyProtocol: boolean
  /** The workers that listen now. */
  readonly workers: readonly number[]
  /** Times that accepting waited because descriptors or memory had run out. */
  readonly backoffs: number
}

export interface StatsSources {
  readonly fabric: Fabric
  /** The balancer's, as asked for. */
  readonly policy: PolicyName
  readonly ledger: Ledger
  readonly table: ListenerTable
  readonly supervisor: Supervisor
  readonly eligibility: Eligibility
  readonly cuts: Cuts
  /** Connections that the dealer keeps. */
  readonly waiting: number
  readonly takenBack: number
  readonly health: Health
}

export function takeStats(sources: StatsSources): BalancerStats {
  const { fabric, ledger, table, cuts, waiting, takenBack, health } = sources
  const { workers: _, ...counts } = ledger.counters.all()
  const fabricCounts = fabric.counts()
  const { creditsFree, queued } = fabricCounts
  return {
    device: fabric.device,
    policy: fabric.policyFor(sources.policy).name,
    health,
    connections: { ...counts, cut: cuts.total, waiting, takenBack, badHeaders: ledger.counters.badHeaders },
    workers: workerStats(sources, fabricCounts),
    listeners: table.entries().map(({ id, listener, members, policy, priority, settings }) => ({
      id,
      ...addressOf(listener.address),
      policy: policy.name,
      priority,
      proxyProtocol: settings.proxyProtocol,
      workers: [...members].sort((a, b) => a - b),
      backoffs: listener.counters().backoffs,
    })),
    domain: { creditsFree, queued },
  }
}

/** Places that have never had a worker are left out. */
function workerStats(
  { ledger, table, supervisor, eligibility, cuts }: StatsSources,
  { byWorker }: FabricCounts,
): WorkerStats[] {
  return supervisor.workers.flatMap(({ index, state, startedAt, thread, deaths }) => {
    if (startedAt === 0) return []
    const { adopted, active, closed } = ledger.counters.ofWorker(index)
    return {
      worker: index,
      state,
      listening: table.serves(index),
      threadId: thread?.threadId ?? null,
      held: eligibility.reasons(index),
      deaths,
      adopted,
      active,
      closed,
      cut: cuts.of(index),
      completedEarly: ledger.counters.completedEarly(index),
      queued: byWorker[index],
    }
  })
}

export function addressOf(address: AddressInfo | string): {
  address: string | null
  port: number | null
  path: string | null
} {
  if (typeof address === 'string') return { address: null, port: null, path: address }
  return { address: address.address, port: address.port, path: null }
}
