import type { PortId, QueueId, SchedulingDomain } from '../../device/device.ts'
import { type DomainPorts, portsOf } from './domain-ports.ts'

/** The numbers of connections in a domain. */
export interface DomainCounts {
  /** The number of connections that may still enter the domain. */
  readonly creditsFree: number
  /** Connections in the listeners' queues that have not been dealt to a worker. */
  readonly queued: number
  /** By worker: connections that it was dealt and has not received. */
  readonly byWorker: readonly number[]
}

export function countConnections(domain: SchedulingDomain, { queues, workers }: DomainPorts): DomainCounts {
  const stats = domain.stats()
  const depthOf = (id: QueueId): number => stats.queues.find(({ queue }) => isSame(queue, id))?.depth ?? 0
  // A directed port consumes the queue with its own id.
  const waitingAt = (id: PortId): number => {
    const inPort = stats.ports.find(({ port }) => isSame(port, id))?.queued ?? 0
    return id.kind === 'directed' ? inPort + depthOf(id) : inPort
  }
  return {
    creditsFree: stats.creditsFree,
    queued: sum(queues.map(depthOf)),
    byWorker: workers.map((ports) => sum(portsOf(ports).map(waitingAt))),
  }
}

function isSame(a: PortId, b: PortId): boolean {
  return a.kind === b.kind && a.id === b.id
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
