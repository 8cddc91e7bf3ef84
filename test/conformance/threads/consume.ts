import { type EventBuffer, type Port, type QueueId, SchedulingType } from '../../../lib/device/index.ts'
import { random } from '../random.ts'
import type { Below } from '../seed.ts'
import { type Board, control, countDone, countOperation, isGap, member, nap, read } from './board.ts'

/** What is done with the events of a load-balanced queue. */
export interface Stage {
  readonly queue: QueueId
  /** Its events are marked as received: it is the first stage of their way. */
  readonly first: boolean
  /** Where its events are forwarded to; else they are released. */
  readonly next?: { readonly queue: QueueId; readonly type: 'directed' | 'ordered' }
  /** Some events (`isGap`) are released nevertheless. */
  readonly gaps?: boolean
}

export interface ConsumeOptions {
  readonly stages: readonly Stage[]
  /**
   * Whether the port's links are taken off and put on, and the port disabled and enabled, all the
   * time.
   */
  readonly restless?: boolean
  /** After so many events it unlinks from all queues, and goes on. */
  readonly leavesAfter?: number
}

interface Held {
  readonly number: number
  readonly flow: number
  readonly type: number
  readonly queue: number
}

const batch = 32

/** Receives, checks, holds for a while, and completes, in runs of random lengths. */
export class Consumer {
  readonly #board: Board
  readonly #index: number
  readonly #port: Port
  readonly #events: EventBuffer
  readonly #below: Below
  readonly #options: ConsumeOptions
  readonly #stages: Map<number, Stage>
  readonly #held: Held[] = []
  readonly #heldOfFlow = new Map<number, number>()

  constructor(board: Board, index: number, port: Port, events: EventBuffer, seed: number, options: ConsumeOptions) {
    this.#board = board
    this.#index = index
    this.#port = port
    this.#events = events
    this.#below = random(seed)
    this.#options = options
    this.#stages = new Map(options.stages.map((stage) => [stage.queue.id, stage]))
    for (const { queue } of options.stages) port.link(queue)
  }

  /** One look, and perhaps some completions. @returns whether there was anything. */
  step(): boolean {
    countOperation(this.#board, this.#index)
    if (this.#options.restless && this.#below(64) === 0) this.#change()
    const n = this.#port.receive(this.#events, 1 + this.#below(batch))
    for (let i = 0; i < n; i++) this.#take(i)
    const { leavesAfter = Number.POSITIVE_INFINITY, stages } = this.#options
    const events = Atomics.add(this.#board.members, this.#index * member.words + member.events, n)
    if (events < leavesAfter && events + n >= leavesAfter) for (const { queue } of stages) this.#port.unlink(queue)
    // An empty consumer queue may be so because everything that could come is held here.
    const due = n === 0 ? this.#held.length : this.#below(this.#held.length + 1)
    return this.#complete(due) > 0 || n > 0
  }

  run(): void {
    while (read(this.#board, control.consumersStop) === 0) if (!this.step()) nap(this.#board)
    while (this.#held.length > 0) if (this.#complete(this.#held.length) === 0) nap(this.#board)
  }

  get holds(): number {
    return this.#held.length
  }

  #take(i: number): void {
    const { received, lastOfFlow } = this.#board
    const events = this.#events
    const held = {
      number: events.data64Low(i),
      flow: events.data64High(i),
      type: events.schedulingType(i),
      queue: events.queueId(i),
    }
    this.#held.push(held)
    if (this.#stages.get(held.queue)?.first) Atomics.add(received, held.number, 1)
    if (held.type !== SchedulingType.atomic) return
    this.#hold(held.flow)
    const last = Atomics.exchange(lastOfFlow, held.flow, held.number + 1)
    if (last > held.number) throw new Error(`flow ${held.flow}: event ${held.number} came after ${last - 1}`)
  }

  #hold(flow: number): void {
    const holder = Atomics.exchange(this.#board.holders, flow, this.#index + 1)
    if (holder !== 0 && holder !== this.#index + 1) {
      throw new Error(`flow ${flow} is at members ${holder - 1} and ${this.#index} at the same time`)
    }
    this.#heldOfFlow.set(flow, (this.#heldOfFlow.get(flow) ?? 0) + 1)
  }

  /**
   * Completes up to `n` of the oldest events. @returns how many; fewer if a forward found no
   * credits.
   */
  #complete(n: number): number {
    let completed = 0
    while (completed < n) {
      const target = this.#target(this.#held[0])
      let run = 1
      while (run < batch && completed + run < n && this.#target(this.#held[run]) === target) run++
      const now = target === undefined ? this.#release(run) : this.#forward(target, run)
      completed += now
      if (now < run) break
    }
    return completed
  }

  #target({ queue, number }: Held): Stage['next'] {
    const stage = this.#stages.get(queue)
    return stage?.gaps && isGap(number) ? undefined : stage?.next
  }

  #release(n: number): number {
    const going = this.#letGo(n)
    this.#port.release(n)
    for (const { number } of going) Atomics.add(this.#board.released, number, 1)
    countDone(this.#board, n)
    return n
  }

  #forward({ queue, type }: NonNullable<Stage['next']>, n: number): number {
    for (const [i, { number, flow }] of this.#held.slice(0, n).entries()) {
      this.#events.setTarget(i, queue.id, SchedulingType[type], 0)
      this.#events.setData64(i, number, flow)
      this.#events.setFlowId(i, flow)
    }
    // From the call on, others may hold the flows. What the device does not take keeps its flow
    // here.
    const going = this.#letGo(n)
    const taken = this.#port.forward(this.#events, n)
    going.splice(0, taken)
    for (const { flow, type } of going) if (type === SchedulingType.atomic) this.#hold(flow)
    this.#held.unshift(...going)
    return taken
  }

  #letGo(n: number): Held[] {
    const going = this.#held.splice(0, n)
    for (const { flow, type } of going) {
      if (type !== SchedulingType.atomic) continue
      const left = (this.#heldOfFlow.get(flow) ?? 0) - 1
      this.#heldOfFlow.set(flow, left)
      if (left === 0) Atomics.store(this.#board.holders, flow, 0)
    }
    return going
  }

  #change(): void {
    const { queue } = this.#options.stages[this.#below(this.#options.stages.length)]
    const change = this.#below(4)
    if (change === 0) this.#port.unlink(queue)
    else if (change === 1) this.#port.disable()
    else {
      this.#port.link(queue, this.#below(8))
      this.#port.enable()
    }
  }
}
