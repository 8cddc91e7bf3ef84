import type { AddressInfo } from 'node:net'
import type { Device, SchedulingDomain } from '../device/device.ts'
import type { Ledger } from './ledger.ts'
import type { ListenerTable } from './listener-table.ts'
import type { PolicyName } from './policies.ts'
import type { Supervisor, WorkerState } from './supervisor.ts'

/** Plain data, taken at one moment; counts are of connections, since the start. */
export interface BalancerStats {
  readonly device: {
    readonly kind: 'dlb' | 'software'
    readonly id: number
    readonly version: string
    /** Why this device and not another. */
    readonly reason: string
  }
  readonly policy: PolicyName
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

/** accepted = adopted + refused + shed + inFlight, and adopted = active + closed. */
export interface ConnectionStats {
  readonly accepted: number
  /** Taken by a worker. */
  readonly adopted: number
  /** Closed without having been adopted: nobody listened any more. */
  readonly refused: number
  /** Closed at once, because the process had no descriptors left. */
  readonly shed: number
  /** Accepted and not yet adopted: waiting for credits, in the device, or in a worker's consumer queue. */
  readonly inFlight: number
  /** Open in a worker. */
  readonly active: number
  readonly closed: number
  /** Of inFlight: waiting for credits. Accepting is paused while there are any. */
  readonly waiting: number
  /** Events that named a connection which was not there any more; they are ignored. */
  readonly stale: number
}

export interface WorkerStats {
  readonly worker: number
  readonly state: WorkerState
  /** Whether it has a server that listens. */
  readonly listening: boolean
  /** Null while it has no thread. */
  readonly threadId: number | null
  /** How often it died and was needed again. */
  readonly deaths: number
  readonly adopted: number
  readonly active: number
  readonly closed: number
  /** Connections dealt to it that it has not adopted yet. */
  readonly queued: number
}

export interface ListenerStats {
  readonly id: number
  /** IP address, or null for a Unix socket. */
  readonly address: string | null
  readonly port: number | null
  readonly path: string | null
  /** The workers that listen now. */
  readonly workers: readonly number[]
  /** Times that accepting waited because descriptors or memory had run out. */
  readonly backoffs: number
}

export interface StatsSources {
  readonly device: Device
  readonly domain: SchedulingDomain
  readonly ledger: Ledger
  readonly table: ListenerTable
  readonly supervisor: Supervisor
  readonly policy: PolicyName
  /** Connections that the dealer keeps. */
  readonly waiting: number
}

export function takeStats(sources: StatsSources): BalancerStats {
  const { device, domain, ledger, table, policy, waiting } = sources
  const { workers: _, ...counts } = ledger.counts()
  const { kind, id, version, reason } = device
  const { creditsFree, queues } = domain.stats()
  const queued = queues.reduce((sum, { queue, depth }) => (queue.kind === 'load-balanced' ? sum + depth : sum), 0)
  return {
    device: { kind, id, version, reason },
    policy,
    connections: { ...counts, waiting },
    workers: workerStats(sources),
    listeners: table.entries().map(({ id, listener, members }) => ({
      id,
      ...addressOf(listener.address),
      workers: [...members].sort((a, b) => a - b),
      backoffs: listener.counters().backoffs,
    })),
    domain: { creditsFree, queued },
  }
}

function workerStats({ domain, ledger, table, supervisor }: StatsSources): WorkerStats[] {
  const { ports, queues } = domain.stats()
  return supervisor.workers.map(({ index, port, state, thread, deaths }) => {
    const { adopted, active, closed } = ledger.workerCounts(index)
    const same = (other: { kind: string; id: number }) => other.kind === port.kind && other.id === port.id
    const inPort = ports.find((stats) => same(stats.port))?.queued ?? 0
    // A directed port consumes the directed queue with its own id.
    const inQueue = port.kind === 'directed' ? (queues.find((stats) => same(stats.queue))?.depth ?? 0) : 0
    return {
      worker: index,
      state,
      listening: table.serves(index),
      threadId: thread?.threadId ?? null,
      deaths,
      adopted,
      active,
      closed,
      queued: inPort + inQueue,
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
