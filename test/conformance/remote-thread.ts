import { parentPort, workerData } from 'node:worker_threads'
import {
  attachDomain,
  type DomainToken,
  type EventBuffer,
  type Port,
  type PortId,
  type QueueId,
  type SchedulingDomain,
  SchedulingType,
} from '../../lib/device/index.ts'

let domain: SchedulingDomain
let events: EventBuffer
const ports = new Map<string, Port>()

const portOf = (id: PortId): Port => {
  const port = ports.get(`${id.kind} ${id.id}`)
  if (port === undefined) throw new Error(`this thread never attached ${id.kind} port ${id.id}`)
  return port
}

const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => events.data64Low(i))

const fill = (queue: QueueId, list: readonly number[]): void => {
  const type = queue.kind === 'directed' ? SchedulingType.directed : SchedulingType.unordered
  for (const [i, number] of list.entries()) {
    events.setTarget(i, queue.id, type, 0)
    events.setData64(i, number, 0)
  }
}

/** What another thread can have this one do. Ports go by their ids, events by their numbers. */
const calls = {
  open: (token: DomainToken): void => {
    domain = attachDomain(token)
    events = domain.createEvents(64)
  },
  close: (): void => domain.close(),
  share: (): DomainToken => domain.share(),
  start: (): void => domain.start(),
  configure: (name: 'createLoadBalancedQueue' | 'createDirectedQueue'): QueueId => domain[name](),
  configurePort: (name: 'createLoadBalancedPort' | 'createDirectedPort'): PortId => domain[name]({ cqDepth: 8 }),
  attachPort: (id: PortId): number => {
    const port = domain.attachPort(id)
    ports.set(`${id.kind} ${id.id}`, port)
    return port.unreleased
  },
  detach: (id: PortId): void => portOf(id).detach(),
  recover: (id: PortId, max: number): number[] => numbers(domain.recover(id, events, max)),
  link: (id: PortId, queue: QueueId): void => portOf(id).link(queue),
  send: (id: PortId, queue: QueueId, list: readonly number[]): number => {
    fill(queue, list)
    return portOf(id).send(events, list.length)
  },
  receive: (id: PortId, max: number): number[] => numbers(portOf(id).receive(events, max)),
  release: (id: PortId, count: number): void => portOf(id).release(count),
  listen: (id: PortId): void => portOf(id).onReadable(() => portOf(id).receive(events, 64)),
}

export type Calls = typeof calls

parentPort?.on('message', ({ id, name, args }) => {
  try {
    const value = (calls[name as keyof Calls] as (...args: unknown[]) => unknown)(...args)
    parentPort?.postMessage({ id, value })
  } catch (error) {
    const { code = 'none', message } = error as NodeJS.ErrnoException
    parentPort?.postMessage({ id, failure: { code, message } })
  }
})

if (workerData !== null) calls.open(workerData as DomainToken)
