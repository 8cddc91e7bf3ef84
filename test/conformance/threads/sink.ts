import { type EventBuffer, type Port, SchedulingType } from '../../../lib/device/index.ts'
import { type Board, control, countDone, countOperation, nap, read } from './board.ts'

/** Takes what consumers forward to a directed queue; the events of a flow must come in order. */
export class Sink {
  readonly #board: Board
  readonly #index: number
  readonly #port: Port
  readonly #events: EventBuffer
  readonly #last = new Map<number, number>()

  constructor(board: Board, index: number, port: Port, events: EventBuffer) {
    this.#board = board
    this.#index = index
    this.#port = port
    this.#events = events
  }

  step(): boolean {
    countOperation(this.#board, this.#index)
    const n = this.#port.receive(this.#events, this.#events.length)
    for (let i = 0; i < n; i++) this.#take(i)
    if (n > 0) countDone(this.#board, n)
    return n > 0
  }

  run(): void {
    while (read(this.#board, control.consumersStop) === 0) if (!this.step()) nap(this.#board)
  }

  #take(i: number): void {
    const number = this.#events.data64Low(i)
    const flow = this.#events.data64High(i)
    const last = this.#last.get(flow) ?? -1
    if (last >= number) throw new Error(`flow ${flow}: event ${number} came out after ${last}`)
    if (this.#events.schedulingType(i) !== SchedulingType.directed) throw new Error(`event ${number} is not directed`)
    this.#last.set(flow, number)
    Atomics.add(this.#board.arrived, number, 1)
  }
}
