import type { EventBuffer, Port } from '../../../lib/device/index.ts'
import { SchedulingType, type SchedulingTypeName } from '../../../lib/device/index.ts'
import { random } from '../random.ts'
import type { Below } from '../seed.ts'
import { type Board, control, countOperation, member, nap, read, setMemberWord } from './board.ts'

export interface ProduceOptions {
  /** Event numbers, from…to − 1. */
  readonly from: number
  readonly to: number
  readonly targets: readonly { readonly queue: number; readonly type: SchedulingTypeName }[]
  /**
   * This producer's flows: an order is defined for events of one producer only. Their number is a
   * multiple of the targets', so that a flow has one target; all ordered events of a target are one
   * flow.
   */
  readonly flows: readonly number[]
  /** At most so many events are on their way. */
  readonly window: number
}

const batch = 32

/**
 * Sends its events in batches of random lengths, and says before and after each what was offered
 * and accepted.
 */
export class Producer {
  readonly #board: Board
  readonly #index: number
  readonly #port: Port
  readonly #events: EventBuffer
  readonly #below: Below
  readonly #options: ProduceOptions
  #next: number

  constructor(board: Board, index: number, port: Port, events: EventBuffer, seed: number, options: ProduceOptions) {
    this.#board = board
    this.#index = index
    this.#port = port
    this.#events = events
    this.#below = random(seed)
    this.#options = options
    this.#next = options.from
  }

  /** One batch. @returns whether any of it was accepted. */
  step(): boolean {
    const { from, to, window } = this.#options
    const board = this.#board
    countOperation(board, this.#index)
    const sent = read(board, control.sent)
    const free = Math.min(window - (sent - read(board, control.done)), read(board, control.allowed) - sent)
    const n = Math.min(1 + this.#below(batch), to - this.#next, free)
    if (n <= 0) return false
    for (let i = 0; i < n; i++) fill(this.#events, i, this.#next + i, this.#options, this.#below)
    setMemberWord(board, this.#index, member.offered, this.#next + n - from)
    // In two parts at times, so that the offset is used too.
    const first = this.#below(4) === 0 ? this.#below(n) : n
    let taken = this.#port.send(this.#events, first)
    if (taken === first && first < n) taken += this.#port.send(this.#events, n - first, first)
    this.#next += taken
    setMemberWord(board, this.#index, member.accepted, this.#next - from)
    Atomics.add(board.control, control.sent, taken)
    return taken > 0
  }

  get finished(): boolean {
    return this.#next === this.#options.to || read(this.#board, control.producersStop) !== 0
  }

  run(): void {
    while (!this.finished) if (!this.step()) nap(this.#board)
  }
}

function fill(events: EventBuffer, i: number, number: number, { targets, flows }: ProduceOptions, below: Below): void {
  // By the number, so that an event that is offered again goes where it was to go before.
  const target = number % targets.length
  const { queue, type } = targets[target]
  const flow = flows[type === 'ordered' ? target : number % flows.length]
  events.setTarget(i, queue, SchedulingType[type], type === 'unordered' ? below(8) : 0)
  events.setData64(i, number, flow)
  events.setFlowId(i, flow)
}
