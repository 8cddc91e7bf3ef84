import type { DomainStats, PortStats, QueueId, QueueStats } from '../device.ts'
import { type Layout, own, port, queue, word } from './layout.ts'
import type { Threads } from './threads.ts'

/**
 * Reads a domain's state without stopping it. Each figure was true at some instant, but not all at
 * the same instant.
 */
export function domainStats(m: Int32Array, layout: Layout, threads: Threads): DomainStats {
  let creditsFree = m[word.creditsFree]
  const ports: PortStats[] = []
  for (let p = 0; p < layout.ports; p++) {
    const at = layout.own + p * own.stride
    if (m[at + own.made] === 0) continue
    creditsFree += (Atomics.load(m, layout.port + p * port.stride + port.head) - m[at + own.reclaimed]) | 0
    ports.push(portStats(m, layout, threads, p))
  }
  const queues: QueueStats[] = []
  for (let q = 0; q < layout.queues; q++) {
    const at = layout.queue + q * queue.stride
    if (m[at + queue.made] !== 0) queues.push({ queue: queueId(layout, q), depth: m[at + queue.depth] })
  }
  return { creditsFree, queues, ports }
}

function portStats(m: Int32Array, layout: Layout, threads: Threads, p: number): PortStats {
  const { loadBalancedPorts } = layout.config
  const directed = p >= loadBalancedPorts
  const pub = layout.port + p * port.stride
  const owner = Atomics.load(m, pub + port.owner)
  const tail = Atomics.load(m, pub + port.tail)
  const queued = (tail - Atomics.load(m, pub + port.head)) | 0
  return {
    port: directed ? { kind: 'directed', id: p - loadBalancedPorts } : { kind: 'load-balanced', id: p },
    thread: owner > 0 ? threads.threadId(owner) : null,
    enabled: (Atomics.load(m, word.enabled + (p >> 5)) & (1 << (p & 31))) !== 0,
    queued,
    load: directed ? queued : (tail - Atomics.load(m, pub + port.done)) | 0,
  }
}

function queueId(layout: Layout, q: number): QueueId {
  const { loadBalancedQueues } = layout.config
  return q < loadBalancedQueues ? { kind: 'load-balanced', id: q } : { kind: 'directed', id: q - loadBalancedQueues }
}
