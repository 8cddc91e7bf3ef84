import { setImmediate as turn } from 'node:timers/promises'
import type { Device, Port, QueueId, SchedulingDomain } from '../../../lib/device/device.ts'
import { type EventBuffer, SchedulingType } from '../../../lib/device/event-buffer.ts'
import type { Below } from '../seed.ts'
import { type Change, type Event, type History, randomEvent, type Setup, type Sight, type Step } from './history.ts'

const quietTurns = 20
const patienceMilliseconds = 20_000

/** Does random things to a device, and writes down what it sees. */
export class Player implements History {
  readonly setup: Setup
  readonly events: Event[] = []
  readonly steps: Step[] = []
  readonly received: number[][]
  readonly #below: Below
  readonly #domain: SchedulingDomain
  readonly #queues: QueueId[]
  readonly #ports: Port[]
  readonly #places: ReadonlyMap<string, number>
  readonly #buffer: EventBuffer
  readonly #held: number[][]

  constructor(device: Device, setup: Setup, below: Below) {
    this.setup = setup
    this.#below = below
    const domain = device.createDomain({
      loadBalancedQueues: setup.queues.length,
      loadBalancedPorts: setup.ports.length,
      directedPorts: setup.sinks + 1,
      eventStateEntries: setup.ports.reduce((sum, port) => sum + port.eventStateEntries, 0),
      sequenceNumbers: setup.queues.filter((n) => n > 0),
      credits: setup.credits,
    })
    this.#domain = domain
    this.#queues = setup.queues.map((sequenceNumbers) => domain.createLoadBalancedQueue({ sequenceNumbers }))
    const ids = setup.ports.map((options) => domain.createLoadBalancedPort(options))
    for (let i = 0; i <= setup.sinks; i++) {
      const queue = domain.createDirectedQueue()
      this.#queues.push(queue)
      ids.push(domain.createDirectedPort({ cqDepth: 8, queue }))
    }
    this.#ports = ids.map((id) => domain.attachPort(id))
    this.#places = new Map([
      ...ids.map(({ kind, id }, i) => [`port ${kind} ${id}`, i] as const),
      ...this.#queues.map(({ kind, id }, i) => [`queue ${kind} ${id}`, i] as const),
    ])
    this.#buffer = domain.createEvents(64)
    this.received = ids.map(() => [])
    this.#held = ids.map(() => [])
    domain.start()
  }

  async play(steps: number): Promise<void> {
    if (this.setup.linked) this.#linkAll()
    for (let i = 0; i < steps; i++) {
      const choice = this.#below(32)
      if (choice < 10) this.#send(this.#below(this.#ports.length))
      else if (choice < 17) this.#receive(this.#below(this.#ports.length), 1 + this.#below(this.setup.batch))
      else if (choice < 21) this.#release(this.#balanced())
      else if (choice < 24) this.#forward(this.#balanced())
      else if (choice < 27) this.#link()
      else if (choice < 29) this.#enable()
      else if (choice < 30) this.#reattach()
      else if (choice < 31) this.#recover()
      else await this.#look(this.#below(this.#ports.length))
    }
    await this.#finish()
  }

  close(): void {
    this.#domain.close()
  }

  #balanced(): number {
    return this.#below(this.setup.ports.length)
  }

  #send(p: number): void {
    const numbers = this.#fill(1 + this.#below(this.setup.batch))
    const taken = this.#ports[p].send(this.#buffer, numbers.length)
    this.events.length -= numbers.length - taken
    const changes = numbers.slice(0, taken).map((event): Change => ({ kind: 'arrive', event }))
    this.#saw(`port ${p} sends ${this.#show(numbers)}`, changes, { offer: { offered: numbers.length, taken } })
  }

  #forward(p: number): void {
    const numbers = this.#fill(this.#below(Math.min(this.setup.batch, this.#held[p].length) + 1))
    const taken = this.#ports[p].forward(this.#buffer, numbers.length)
    this.events.length -= numbers.length - taken
    const changes = numbers.slice(0, taken).map((successor): Change => ({ kind: 'complete', port: p, successor }))
    this.#held[p].splice(0, taken)
    this.#saw(`port ${p} forwards ${this.#show(numbers)}`, changes, { offer: { offered: numbers.length, taken } })
  }

  #release(p: number): void {
    const count = this.#below(this.#held[p].length + 1)
    this.#ports[p].release(count)
    this.#held[p].splice(0, count)
    const changes = Array.from({ length: count }, (): Change => ({ kind: 'complete', port: p, successor: -1 }))
    this.#saw(`port ${p} releases ${count}`, changes)
  }

  #receive(p: number, max: number): number {
    const n = this.#ports[p].receive(this.#buffer, max)
    const numbers = this.#read(n)
    for (const event of numbers) this.#took(p, event)
    const changes = numbers.map((event): Change => ({ kind: 'take', port: p, event }))
    this.#saw(`port ${p} receives ${n} of ${max}`, changes)
    return n
  }

  /** Waits for something to come. */
  async #look(p: number): Promise<void> {
    for (let i = 0; i < quietTurns; i++) {
      if (this.#domain.stats().ports.some(({ port, queued }) => this.#place('port', port) === p && queued > 0)) return
      await turn()
    }
    if (this.#receive(p, 1) === 0) this.#saw(`port ${p} has nothing`, [], { idle: p })
  }

  #link(): void {
    const p = this.#balanced()
    const queue = this.#below(this.setup.queues.length)
    const priority = this.#below(5) === 0 ? -1 : [0, 4, 4][this.#below(3)]
    this.#setLink(p, queue, priority)
  }

  #linkAll(): void {
    for (let p = 0; p < this.setup.ports.length; p++) {
      for (let queue = 0; queue < this.setup.queues.length; queue++) this.#setLink(p, queue, 0)
    }
  }

  #setLink(p: number, queue: number, priority: number): void {
    if (priority < 0) this.#ports[p].unlink(this.#queues[queue])
    else this.#ports[p].link(this.#queues[queue], priority)
    this.#saw(`port ${p} links queue ${queue}: ${priority}`, [{ kind: 'link', port: p, queue, priority }])
  }

  #enable(): void {
    this.#setEnabled(this.#below(this.setup.ports.length + this.setup.sinks), this.#below(3) > 0)
  }

  #setEnabled(p: number, enabled: boolean): void {
    const port = this.#ports[p]
    if (this.#below(2) === 0) enabled ? port.enable() : port.disable()
    else enabled ? this.#domain.enablePort(port.id) : this.#domain.disablePort(port.id)
    this.#saw(`port ${p} is ${enabled ? 'enabled' : 'disabled'}`, [{ kind: 'enable', port: p, enabled }])
  }

  #reattach(): void {
    const p = this.#below(this.#ports.length)
    this.#ports[p].detach()
    this.#ports[p] = this.#domain.attachPort(this.#ports[p].id)
    this.#saw(`port ${p} is attached again`, [])
  }

  #recover(): void {
    const p = this.#balanced()
    const { id } = this.#ports[p]
    this.#ports[p].detach()
    const changes = this.setup.queues.map((_, queue): Change => ({ kind: 'link', port: p, queue, priority: -1 }))
    for (let n = 1; n > 0; ) {
      n = this.#domain.recover(id, this.#buffer, 1 + this.#below(16))
      for (const event of this.#read(n)) {
        if (this.#held[p].length === 0) {
          this.#took(p, event)
          changes.push({ kind: 'take', port: p, event })
        }
        if (this.#held[p].shift() !== event) throw new Error(`${event} was recovered in place of another`)
        changes.push({ kind: 'complete', port: p, successor: -1 })
      }
    }
    this.#ports[p] = this.#domain.attachPort(id)
    this.#saw(`port ${p} is recovered`, changes)
  }

  /** Lets everything out. */
  async #finish(): Promise<void> {
    for (let p = 0; p < this.#ports.length; p++) this.#setEnabled(p, true)
    this.#linkAll()
    const deadline = Date.now() + patienceMilliseconds
    for (let left = 1; left > 0; ) {
      let came = 0
      for (let p = 0; p < this.#ports.length; p++) {
        came += this.#receive(p, 64)
        if (p < this.setup.ports.length) this.#release(p)
      }
      left = this.events.length - this.received.reduce((sum, list) => sum + list.length, 0)
      if (came === 0) await turn()
      if (Date.now() > deadline) throw new Error(`${left} events never come`)
    }
  }

  #took(p: number, event: number): void {
    this.received[p].push(event)
    if (p < this.setup.ports.length) this.#held[p].push(event)
  }

  #fill(count: number): number[] {
    return Array.from({ length: count }, (_, i) => {
      const event = randomEvent(this.setup, this.#below)
      const number = this.events.push(event) - 1
      this.#buffer.setTarget(i, this.#queues[event.queue].id, SchedulingType[event.type], event.priority)
      this.#buffer.setFlowId(i, event.flow)
      this.#buffer.setData64(i, number, ~number)
      this.#buffer.setData16(i, number)
      return number
    })
  }

  /** The numbers of the events that came, which are as they were sent. */
  #read(count: number): number[] {
    const b = this.#buffer
    return Array.from({ length: count }, (_, i) => {
      const number = b.data64Low(i)
      const event = this.events[number]
      const same =
        event !== undefined &&
        b.data64High(i) === ~number &&
        b.data16(i) === number &&
        b.queueId(i) === this.#queues[event.queue].id &&
        b.schedulingType(i) === SchedulingType[event.type] &&
        b.priority(i) === event.priority
      if (!same) throw new Error(`what came as event ${number} was never sent`)
      return number
    })
  }

  #saw(text: string, changes: Change[], more: Pick<Step, 'offer' | 'idle'> = {}): void {
    this.steps.push({ text, changes, sight: this.#sight(), ...more })
  }

  #sight(): Sight {
    const stats = this.#domain.stats()
    const depths: number[] = []
    const queued: number[] = []
    const loads: number[] = []
    for (const { queue, depth } of stats.queues) depths[this.#place('queue', queue)] = depth
    for (const port of stats.ports) {
      const p = this.#place('port', port.port)
      queued[p] = port.queued
      loads[p] = port.load
    }
    const unreleased = this.#ports.map((port) => port.unreleased)
    return { depths, queued, loads, unreleased, creditsFree: stats.creditsFree }
  }

  #place(what: string, { kind, id }: QueueId): number {
    return this.#places.get(`${what} ${kind} ${id}`) ?? -1
  }

  #show(numbers: readonly number[]): string {
    return numbers
      .map((n) => {
        const { queue, type, flow, priority } = this.events[n] ?? {}
        return `${n}: ${type} to queue ${queue}, flow ${flow}, priority ${priority}`
      })
      .join('; ')
  }
}
