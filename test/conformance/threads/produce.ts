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
   * This producer's flows: an order is defined for events of one producer only. Their number is a multiple of the
   * targets', so that a flow has one target; all ordered events of a target are one flow.
   */
  readonly flows: readonly number[]
  /** At most so many events are on their way. */
  readonly window: number
}

const batch = 32

/** Sends all events in batches of random lengths, and says before and after each what was offered and accepted. */
export function produce(
  board: Board,
  index: number,
  port: Port,
  events: EventBuffer,
  seed: number,
  options: ProduceOptions,
): void {
  const below = random(seed)
  let next = options.from
  while (next < options.to && read(board, control.producersStop) === 0) {
    const free = options.window - (read(board, control.sent) - read(board, control.done))
    const n = Math.min(1 + below(batch), options.to - next, free)
    countOperation(board, index)
    if (n <= 0) {
      nap(board)
      continue
    }
    for (let i = 0; i < n; i++) fill(events, i, next + i, options, below)
    setMemberWord(board, index, member.offered, next + n - options.from)
    // In two parts at times, so that the offset is used too.
    const first = below(4) === 0 ? below(n) : n
    let taken = port.send(events, first)
    if (taken === first && first < n) taken += port.send(events, n - first, first)
    setMemberWord(board, index, member.accepted, next + taken - options.from)
    Atomics.add(board.control, control.sent, taken)
    next += taken
    if (taken === 0) nap(board)
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
