import type { AddressInfo } from 'node:net'
import type { AcceptModeName } from '../../ledger/accept-mode.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { ConnectionDomain, DeviceFacts } from '../dispatch/connection-domain.ts'
import type { DomainCounts } from '../dispatch/domain-counts.ts'
import type { PolicyName } from '../dispatch/policies/names.ts'
import type { Listener } from '../listeners/listener.ts'
import type { ListenerTable } from '../listeners/table.ts'
import type { Eligibility, HoldReason } from '../workers/eligibility.ts'
import type { WorkerState, Workers } from '../workers/workers.ts'
import type { Cuts } from './cuts.ts'
import type { Health } from './health.ts'

/**
 * The balancer's figures at one moment, as plain data. Counts are of connections, since the start.
 */
export interface BalancerStats {
  readonly device: DeviceFacts
  /** The policy in use. A fallback may use another policy than was asked for. */
  readonly policy: PolicyName
  readonly health: Health
  /**
   * The accept mode: which threads accept new connections now.
   * - main: the main thread
   * - workers: the workers, because connections come quickly; without a device, always. Main still
   *   accepts from listeners from which workers cannot.
   * - paused: none, because the device has no credits left, a limit is reached, or the balancer
   *   closes. The kernel's backlogs keep what arrives.
   */
  readonly acceptMode: AcceptModeName
  readonly connections: ConnectionStats
  readonly workers: readonly WorkerStats[]
  readonly listeners: readonly ListenerStats[]
  readonly domain: {
    /** Free credits: the number of connections that may still enter the device. */
    readonly creditsFree: number
    /** Connections in the listeners' queues that have not been dealt to a worker. */
    readonly queued: number
  }
}

/**
 * Invariant: accepted = adopted + refused + shed + inFlight, and adopted = active + closed. All
 * counts but inFlight, active and waiting only grow.
 */
export interface ConnectionStats {
  readonly accepted: number
  /** Connections that a worker has taken over. */
  readonly adopted: number
  /** Closed without having been adopted, because no worker listened at that address by then. */
  readonly refused: number
  /**
   * Closed at once because the process had no descriptors left, because the device took nothing in
   * `maxRetries` retries, or because a limit was reached and `overLimit` says so.
   */
  readonly shed: number
  /**
   * Accepted and not yet adopted: waiting for credits, in the device, or in a worker's consumer
   * queue.
   */
  readonly inFlight: number
  /** Connections that are open in a worker. */
  readonly active: number
  readonly closed: number
  /** Part of closed and refused: open or waiting at the deadline of a drain, and closed then. */
  readonly cut: number
  /**
   * Part of inFlight: waiting in the main thread for credits, or until a limit allows them.
   * Accepting is paused while there are any.
   */
  readonly waiting: number
  /** Part of closed: the PROXY header was malformed, or did not come within 5 s. */
  readonly badHeaders: number
  /** Connections that were taken back from stalled workers, and dealt again. */
  readonly takenBack: number
  /**
   * Events that named a connection which was gone. They are ignored. Each connection that is taken
   * back causes at most one, and a few after a worker's death are normal.
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
  /** Why the worker gets no new connections now; empty if it gets them. */
  readonly held: readonly HoldReason[]
  /** The number of deaths after which the worker was respawned, or is waiting to be. */
  readonly deaths: number
  readonly adopted: number
  readonly active: number
  readonly closed: number
  /** Part of closed: open at the deadline when the worker was to end. */
  readonly cut: number
  /**
   * Under the policy least-connections: the number of connections since the start that were beyond
   * what the device can count, and did not count as the worker's load.
   */
  readonly completedEarly: number
  /** Connections that were dealt to the worker and that it has not adopted yet. */
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
  /** The accept mode of this listener: paused also if no worker may get its connections. */
  readonly accepting: AcceptModeName
  /** The number of times that accepting waited because descriptors or memory had run out. */
  readonly backoffs: number
}

export interface StatsSources {
  readonly domain: ConnectionDomain
  /** The balancer's policy, as asked for. */
  readonly policy: PolicyName
  readonly ledger: Ledger
  readonly table: ListenerTable
  readonly workers: Workers
  readonly eligibility: Eligibility
  readonly cuts: Cuts
  /** The number of connections that wait in the dealer. */
  readonly waiting: number
  readonly takenBack: number
  readonly health: Health
}

export function takeStats(sources: StatsSources): BalancerStats {
  const { domain, ledger, table, cuts, waiting, takenBack, health } = sources
  const { workers: _, ...counts } = ledger.counters.all()
  const domainCounts = domain.counts()
  const { creditsFree, queued } = domainCounts
  return {
    device: domain.device,
    policy: domain.policyFor(sources.policy).name,
    health,
    acceptMode: acceptModeOf(sources),
    connections: { ...counts, cut: cuts.total, waiting, takenBack, badHeaders: ledger.counters.badHeaders },
    workers: workerStats(sources, domainCounts),
    listeners: table.listeners().map((listener) => listenerStats(listener, table.accepting.at(listener))),
    domain: { creditsFree, queued },
  }
}

function acceptModeOf({ domain, ledger }: StatsSources): AcceptModeName {
  const mode = ledger.acceptMode.current
  return mode === 'main' && domain.device.kind === 'none' ? 'workers' : mode
}

function listenerStats(listener: Listener, accepting: AcceptModeName): ListenerStats {
  const { id, address, socket, members, policy, priority, settings } = listener
  return {
    id,
    ...addressOf(address),
    policy: policy.name,
    priority,
    proxyProtocol: settings.proxyProtocol,
    workers: [...members].sort((a, b) => a - b),
    accepting,
    backoffs: socket.counters().backoffs,
  }
}

/** The figures of all places that have ever had a worker. */
function workerStats(
  { ledger, table, workers, eligibility, cuts }: StatsSources,
  { byWorker }: DomainCounts,
): WorkerStats[] {
  return workers.places.flatMap(({ index, state, startedAt, thread, deaths }) => {
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
