import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Test } from 'tap'
import type { Device, DomainConfig, EventBuffer, PortId, QueueId, SchedulingDomain } from '../../../lib/device/index.ts'
import type { Below } from '../seed.ts'
import type { Open } from '../world.ts'
import { type Board, control, makeBoard, member, read, set } from './board.ts'
import type { Assignment, Role } from './member.ts'

/** Threads that have shown no progress for so long are stuck. */
const patienceMilliseconds = 30_000

export interface Plan {
  /** 0: the consumers send too. */
  readonly producers: number
  readonly consumers: number
  /** Events of all producers. */
  readonly events: number
  readonly flows: number
}

interface Member {
  readonly worker: Worker
  readonly exit: Promise<typeof exited>
}

const exited = 'exited'

/** Turns of the loop in which nothing came: nothing comes. */
const quietTurns = 20
const cqDepths = [8, 16, 32, 64]
export const entriesPerConsumer = 64
export const credits = 4096

/**
 * A domain with its threads: producers, consumers with a load-balanced port each, and a sink with a
 * directed queue. The queues: unordered and atomic events; atomic ones; two for ordered ones.
 */
export class Team {
  readonly board: Board
  readonly device: Device
  readonly domain: SchedulingDomain
  readonly plan: Plan
  readonly any: QueueId
  readonly atomic: QueueId
  readonly ordered: readonly [QueueId, QueueId]
  readonly producerPorts: readonly PortId[]
  readonly consumerPorts: readonly PortId[]
  readonly sinkPort: PortId
  readonly sinkQueue: QueueId
  readonly failures: string[] = []
  readonly #below: Below
  readonly #members = new Map<number, Member>()

  constructor(t: Test, open: Open, below: Below, plan: Plan) {
    this.#below = below
    this.plan = plan
    this.device = open()
    this.domain = this.device.createDomain(configFor(plan))
    t.teardown(async () => {
      await Promise.all([...this.#members.values()].map(({ worker }) => worker.terminate()))
      this.domain.close()
      this.device.close()
    })
    this.board = makeBoard(plan.events, plan.flows, plan.producers + plan.consumers + 1)
    this.any = this.domain.createLoadBalancedQueue()
    this.atomic = this.domain.createLoadBalancedQueue()
    const ordered = () => this.domain.createLoadBalancedQueue({ sequenceNumbers: 256 })
    this.ordered = [ordered(), ordered()]
    this.producerPorts = times(plan.producers, () => this.domain.createDirectedPort({ cqDepth: 8 }))
    this.consumerPorts = times(plan.consumers, () =>
      this.domain.createLoadBalancedPort({
        cqDepth: cqDepths[below(cqDepths.length)],
        eventStateEntries: entriesPerConsumer,
      }),
    )
    this.sinkQueue = this.domain.createDirectedQueue()
    this.sinkPort = this.domain.createDirectedPort({ cqDepth: 64, queue: this.sinkQueue })
    this.domain.start()
  }

  /** How many members send: the first ones. */
  get senders(): number {
    return this.plan.producers === 0 ? this.plan.consumers : this.plan.producers
  }

  /** Index of a consumer's member; producers come first, the sink last. */
  consumer(i: number): number {
    return this.plan.producers + i
  }

  get sink(): number {
    return this.plan.producers + this.plan.consumers
  }

  portOf(index: number): PortId {
    if (index < this.plan.producers) return this.producerPorts[index]
    return index === this.sink ? this.sinkPort : this.consumerPorts[index - this.plan.producers]
  }

  spawn(index: number, role: Role): void {
    const seed = this.#below(2 ** 31)
    const assignment: Assignment = {
      token: this.domain.share(),
      board: this.board,
      index,
      port: this.portOf(index),
      seed,
      role,
    }
    const worker = new Worker(new URL('./member.js', import.meta.url), { workerData: assignment, execArgv: [] })
    worker.on('error', (error) =>
      this.#fail(`member ${index}: ${(error as NodeJS.ErrnoException).code ?? ''} ${error.message}`),
    )
    const exit = new Promise<typeof exited>((resolve) => worker.once('exit', () => resolve(exited)))
    this.#members.set(index, { worker, exit })
  }

  /** Starts nobody's work before all can work. */
  async ready(): Promise<void> {
    await this.reached(control.ready, this.#members.size)
  }

  /** Waits until a control word has a value, or more, as long as there is progress. */
  async reached(word: number, value: number): Promise<void> {
    let progress = -1
    let since = performance.now()
    for (;;) {
      const now = read(this.board, word)
      if (now >= value) return
      this.assertHealthy()
      const operations = this.board.control.reduce((sum, n) => sum + n, 0)
      if (operations !== progress) since = performance.now()
      progress = operations
      if (performance.now() - since > patienceMilliseconds) {
        throw this.#stuck(`${now} of ${value} (word ${word})`)
      }
      const wait = Atomics.waitAsync(this.board.control, word, now)
      // The timer holds the loop open, which a pending waitAsync does not, and lets us look for
      // failures.
      if (wait.async) await Promise.race([wait.value, sleep(100)])
    }
  }

  /** Allows this number of further events: if this thread is slow, some are left all the same. */
  allow(events: number): void {
    set(this.board, control.allowed, read(this.board, control.sent) + events)
  }

  assertHealthy(): void {
    if (this.failures.length > 0) throw new Error(this.failures.join('; '))
  }

  /**
   * Waits for so many more operations of a member, until it has ended, or so many events are sent:
   * of those that sleep, the others can leave few.
   */
  async operated(index: number, operations: number, events: number): Promise<void> {
    const { members } = this.board
    const base = index * member.words
    const until = Atomics.load(members, base + member.operations) + operations
    Atomics.store(members, base + member.hit, 0)
    Atomics.store(members, base + member.until, until)
    this.allow(events)
    const { exit } = this.#members.get(index) ?? {}
    const since = performance.now()
    while (Atomics.load(members, base + member.operations) < until) {
      this.assertHealthy()
      if (read(this.board, control.sent) >= read(this.board, control.allowed)) return
      if (performance.now() - since > patienceMilliseconds) throw this.#stuck(`member ${index} does nothing`)
      const wait = Atomics.waitAsync(members, base + member.hit, 0)
      if (!wait.async) return
      if ((await Promise.race([wait.value, exit, sleep(100)])) === exited) return
    }
  }

  /** Terminates a member, wherever it is. */
  async kill(index: number): Promise<void> {
    const { worker, exit } = this.#members.get(index) ?? {}
    await Promise.all([worker?.terminate(), this.#ended(`member ${index} is not terminated`, exit)])
    this.#members.delete(index)
  }

  async exited(index: number): Promise<void> {
    await this.#ended(`member ${index} does not end`, this.#members.get(index)?.exit)
    this.#members.delete(index)
  }

  /** Lets consumers and sink finish what they hold, and end. */
  async stopConsumers(): Promise<void> {
    set(this.board, control.consumersStop, 1)
    for (const { worker } of this.#members.values()) worker.postMessage('stop')
    await Promise.all([...this.#members].map(([i, { exit }]) => this.#ended(`member ${i} does not stop`, exit)))
    this.#members.clear()
    this.assertHealthy()
  }

  /** What `recover` gives for a port without a thread, by number. */
  recover(index: number, events: EventBuffer): number[] {
    const recovered: number[] = []
    for (;;) {
      const n = this.domain.recover(this.portOf(index), events, events.length)
      if (n === 0) return recovered
      for (let i = 0; i < n; i++) recovered.push(events.data64Low(i))
    }
  }

  /** When no thread is left: what is anywhere in the domain, by number. */
  async sweep(): Promise<number[]> {
    const events = this.domain.createEvents(64)
    const swept = times(this.plan.consumers, (i) => this.recover(this.consumer(i), events)).flat()
    const port = this.domain.attachPort(this.consumerPorts[0])
    for (const queue of [this.any, this.atomic, ...this.ordered]) port.link(queue)
    for (let quiet = 0; quiet < quietTurns; quiet++) {
      const found = this.recover(this.sink, events)
      const n = port.receive(events, events.length)
      for (let i = 0; i < n; i++) found.push(events.data64Low(i))
      port.release(n)
      if (found.length > 0) quiet = 0
      swept.push(...found)
      await turn()
    }
    port.detach()
    return swept
  }

  async #ended(otherwise: string, exit: Promise<unknown> | undefined): Promise<void> {
    const patience = new AbortController()
    const late = sleep(patienceMilliseconds, undefined, { signal: patience.signal }).then(() => {
      throw this.#stuck(otherwise)
    })
    // Aborted it rejects, when nobody waits any more.
    late.catch(() => undefined)
    await Promise.race([exit, late])
    patience.abort()
  }

  #stuck(what: string): Error {
    const { control, members } = this.board
    const operations = Array.from({ length: this.sink + 1 }, (_, i) => members[i * member.words + member.operations])
    return new Error(`stuck: ${what}: ${JSON.stringify({ control: [...control], operations, ...this.domain.stats() })}`)
  }

  #fail(message: string): void {
    this.failures.push(message)
    // Whoever waits for progress looks at once.
    Atomics.notify(this.board.control, control.done)
  }
}

function configFor({ producers, consumers }: Plan): DomainConfig {
  return {
    loadBalancedQueues: 4,
    loadBalancedPorts: consumers,
    directedPorts: producers + 1,
    eventStateEntries: consumers * entriesPerConsumer,
    credits,
    sequenceNumbers: [256, 256],
  }
}

export function times<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i))
}
