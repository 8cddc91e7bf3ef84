import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from 'tap'
import type {
  Device,
  DirectedPortOptions,
  DomainConfig,
  LoadBalancedPortOptions,
  LoadBalancedQueueOptions,
  Port,
  QueueId,
  SchedulingDomain,
} from '../../lib/device/device.ts'
import { type EventBuffer, type EventFields, SchedulingType } from '../../lib/device/event-buffer.ts'
import { until } from '../deadline.ts'

/** Opens the device that is tested. */
export type Open = () => Device

/** An event as it came out of a port; `number` and `group` are the halves of its data64. */
export interface Taken {
  readonly number: number
  readonly group: number
  readonly data16: number
  readonly queue: number
  readonly type: number
  readonly priority: number
}

export type Sent = Omit<EventFields, 'data64'> & { readonly number?: number; readonly group?: number }

export interface Shape {
  readonly queues?: readonly LoadBalancedQueueOptions[]
  /** Load-balanced ports, attached in this thread and not linked. */
  readonly ports?: readonly LoadBalancedPortOptions[]
  /** Directed ports with a queue of their own, beside the producer, attached in this thread. */
  readonly directed?: readonly DirectedPortOptions[]
  readonly credits?: number
}

/**
 * After this number of turns of the loop and milliseconds in which nothing came, nothing more is
 * expected: devices take some microseconds.
 */
const quietTurns = 20
const quietMilliseconds = 5

/** A started domain with its ports in this thread, and a producer port that nothing is sent to. */
export class World {
  readonly device: Device
  readonly domain: SchedulingDomain
  readonly queues: readonly QueueId[]
  readonly ports: readonly Port[]
  readonly directed: readonly Port[]
  readonly directedQueues: readonly QueueId[]
  readonly producer: Port
  readonly events: EventBuffer

  constructor(t: Test, open: Open, shape: Shape) {
    const { queues = [], ports = [], directed = [] } = shape
    this.device = open()
    this.domain = this.device.createDomain(configFor(shape))
    t.teardown(() => {
      this.domain.close()
      this.device.close()
    })
    this.queues = queues.map((options) => this.domain.createLoadBalancedQueue(options))
    this.ports = ports.map((options) => this.domain.attachPort(this.domain.createLoadBalancedPort(options)))
    this.directedQueues = directed.map(() => this.domain.createDirectedQueue())
    this.directed = directed.map((options, i) =>
      this.domain.attachPort(this.domain.createDirectedPort({ ...options, queue: this.directedQueues[i] })),
    )
    this.producer = this.domain.attachPort(this.domain.createDirectedPort({ cqDepth: 8 }))
    this.events = this.domain.createEvents(1024)
    this.domain.start()
  }

  /** Links every load-balanced port to every queue. */
  linkAll(): this {
    for (const port of this.ports) for (const queue of this.queues) port.link(queue)
    return this
  }

  /** One attempt. @returns how many were taken. */
  offer(events: readonly Sent[], by: Port = this.producer): number {
    events.forEach((event, i) => {
      fill(this.events, i, event)
    })
    return by.send(this.events, events.length)
  }

  /** Sends all, waiting for credits where need be. */
  async send(events: readonly Sent[], by: Port = this.producer): Promise<void> {
    let sent = 0
    await until(`${events.length} events are sent`, () => {
      sent += this.offer(events.slice(sent), by)
      return sent === events.length
    })
  }

  /** Forwards all; the port owes as many completions. */
  async forward(port: Port, events: readonly Sent[]): Promise<void> {
    let sent = 0
    await until(`${events.length} events are forwarded`, () => {
      events.slice(sent).forEach((event, i) => {
        fill(this.events, i, event)
      })
      sent += port.forward(this.events, events.length - sent)
      return sent === events.length
    })
  }

  /** One attempt. */
  poll(port: Port, max = this.events.length): Taken[] {
    const n = port.receive(this.events, max)
    return Array.from({ length: n }, (_, i) => read(this.events, i))
  }

  /** Exactly `count` events, or fewer never come. */
  async take(port: Port, count: number): Promise<Taken[]> {
    const taken: Taken[] = []
    await until(`${count} events come to ${port.id.kind} port ${port.id.id}`, () => {
      taken.push(...this.poll(port, count - taken.length))
      return taken.length === count
    })
    return taken
  }

  /** Everything that comes to the port before it stays quiet. */
  async rest(port: Port): Promise<Taken[]> {
    const taken: Taken[] = []
    let last = performance.now()
    for (let quiet = 0; quiet < quietTurns || performance.now() - last < quietMilliseconds; quiet++) {
      const more = this.poll(port)
      if (more.length > 0) {
        quiet = 0
        last = performance.now()
      }
      taken.push(...more)
      await turn()
    }
    return taken
  }

  load(port: Port): number {
    return portStats(this.domain, port).load
  }

  queued(port: Port): number {
    return portStats(this.domain, port).queued
  }

  depth(queue: QueueId): number {
    const found = this.domain.stats().queues.find((q) => q.queue.kind === queue.kind && q.queue.id === queue.id)
    if (found === undefined) throw new Error(`no queue ${queue.kind} ${queue.id} in stats()`)
    return found.depth
  }

  /** Resolves when the ports hold `total` events between them. */
  async loaded(total: number): Promise<void> {
    const load = () => this.domain.stats().ports.reduce((sum, port) => sum + port.load, 0)
    await until(`the ports have a load of ${total}`, () => load() === total)
  }
}

/** Gives what comes as many turns of the loop as it needs. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < quietTurns; i++) await turn()
}

export function portStats(domain: SchedulingDomain, port: Pick<Port, 'id'>) {
  const found = domain.stats().ports.find((p) => p.port.kind === port.id.kind && p.port.id === port.id.id)
  if (found === undefined) throw new Error(`no ${port.id.kind} port ${port.id.id} in stats()`)
  return found
}

/** `count` events with the numbers from `first` on. */
export function numbered(count: number, event: Sent, first = 0): Sent[] {
  return Array.from({ length: count }, (_, i) => ({ ...event, number: first + i }))
}

export function numbers(taken: readonly Taken[]): number[] {
  return taken.map((event) => event.number)
}

/** The whole numbers from `first` up to, and without, `end`. */
export function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i)
}

export function fill(events: EventBuffer, i: number, { number = 0, group = 0, ...fields }: Sent): void {
  events.set(i, { ...fields, data64: (BigInt(group) << 32n) | BigInt(number) })
}

export function read(events: EventBuffer, i: number): Taken {
  return {
    number: events.data64Low(i),
    group: events.data64High(i),
    data16: events.data16(i),
    queue: events.queueId(i),
    type: events.schedulingType(i),
    priority: events.priority(i),
  }
}

export { SchedulingType }

function configFor({ queues = [], ports = [], directed = [], credits }: Shape): DomainConfig {
  const entries = ports.reduce((sum, port) => sum + (port.eventStateEntries ?? port.cqDepth), 0)
  return {
    loadBalancedQueues: queues.length,
    loadBalancedPorts: ports.length,
    directedPorts: directed.length + 1,
    eventStateEntries: entries,
    sequenceNumbers: queues.map(({ sequenceNumbers = 0 }) => sequenceNumbers).filter((numbers) => numbers > 0),
    ...(credits === undefined ? {} : { credits }),
  }
}
