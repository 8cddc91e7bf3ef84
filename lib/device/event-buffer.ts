import { NodeDlbError } from '../errors.ts'
import { checkChoice, checkInteger, readFields, readOptions, show } from './check.ts'
import type { QueueId } from './ids.ts'

/** libdlb's scheduling types, with their values in an event. */
export const SchedulingType = { atomic: 0, unordered: 1, ordered: 2, directed: 3 } as const
export type SchedulingTypeName = keyof typeof SchedulingType
export type SchedulingTypeValue = (typeof SchedulingType)[SchedulingTypeName]

const typeNames = Object.keys(SchedulingType)
const names = ['data64', 'data16', 'queue', 'schedulingType', 'priority', 'flowId'] as const

export interface EventFields {
  /** Default 0. */
  data64?: bigint
  /** 0–65,535; default 0. */
  data16?: number
  queue: QueueId
  /** Default: `directed` for a directed queue, else `unordered`. */
  schedulingType?: SchedulingTypeName
  /** 0 (first) to 7; default 0. */
  priority?: number
  /** 0–65,535; default 0. */
  flowId?: number
}

/**
 * The memory that an EventBuffer's views are made of. This is a class of its own, with fields that
 * are only declared, so that the fields of both classes are each written once. V8 then treats them
 * as constants; a field that is declared first and assigned later costs a load and a check in each
 * access to an event.
 */
class EventMemory {
  /** The domain that the buffer is for. Ports compare it with theirs. */
  declare readonly domainKey: number
  declare readonly length: number
  declare readonly buffer: ArrayBuffer

  constructor(domainKey: number, length: number) {
    checkInteger('domainKey', domainKey, 0, 0x7fffffff)
    checkInteger('length', length, 1, 65_536)
    this.domainKey = domainKey
    this.length = length
    this.buffer = new ArrayBuffer(length * 16)
  }
}

/**
 * N queue events of 16 bytes in one buffer, laid out as libdlb's `dlb_event_t` (little-endian):
 *
 *     byte 0       8       10        11                     12       14      15
 *          data64  data16  queue id  type:2 priority:3 -:3  flow id  weight  command, error: bit 5
 *
 * Devices read and write the buffer in place. The setters are on the hot path. They check only that
 * a value is a number, and cut it to its field; `send` checks queue and scheduling type, and `set`
 * checks everything. The caller keeps indices in range: beyond the range, up to 2^27, setters do
 * nothing and getters return 0. (Indices are shifted, not multiplied, because V8 would check the
 * product.)
 *
 * `domain.createEvents(n)` makes buffers, which only that domain's ports take. A buffer belongs to
 * one thread.
 */
export class EventBuffer extends EventMemory {
  /** The events, 4 words each. */
  readonly words: Int32Array = new Int32Array(this.buffer)
  readonly #halves: Uint16Array = new Uint16Array(this.buffer)
  readonly #bytes: Uint8Array = new Uint8Array(this.buffer)

  data64Low(i: number): number {
    return this.words[number(i) << 2] | 0
  }

  data64High(i: number): number {
    return this.words[(number(i) << 2) + 1] | 0
  }

  setData64(i: number, low: number, high: number): void {
    this.words[number(i) << 2] = number(low)
    this.words[(i << 2) + 1] = number(high)
  }

  data16(i: number): number {
    return this.#halves[(number(i) << 3) + 4] | 0
  }

  setData16(i: number, value: number): void {
    this.#halves[(number(i) << 3) + 4] = number(value)
  }

  queueId(i: number): number {
    return this.#bytes[(number(i) << 4) + 10] | 0
  }

  schedulingType(i: number): SchedulingTypeValue {
    return (this.#bytes[(number(i) << 4) + 11] & 3) as SchedulingTypeValue
  }

  priority(i: number): number {
    return (this.#bytes[(number(i) << 4) + 11] >> 2) & 7
  }

  /** Sets queue, type and priority in one store. `queueId` is the `id` of a QueueId. */
  setTarget(i: number, queueId: number, type: SchedulingTypeValue, priority: number): void {
    this.#halves[(number(i) << 3) + 5] = (number(queueId) & 0xff) | (number(type) << 8) | (number(priority) << 10)
  }

  flowId(i: number): number {
    return this.#halves[(number(i) << 3) + 6] | 0
  }

  setFlowId(i: number, value: number): void {
    this.#halves[(number(i) << 3) + 6] = number(value)
  }

  /** The weight, 0–3. Only devices with `eventWeight` use it. */
  weight(i: number): number {
    return (this.#bytes[(number(i) << 4) + 14] >> 1) & 3
  }

  setWeight(i: number, value: number): void {
    this.#bytes[(number(i) << 4) + 14] = (number(value) & 3) << 1
  }

  /** True if the device found the event damaged. Such an event still has to be released. */
  hasError(i: number): boolean {
    return (this.#bytes[(number(i) << 4) + 15] & 0x20) !== 0
  }

  data64(i: number): bigint {
    return (BigInt(this.data64High(i) >>> 0) << 32n) | BigInt(this.data64Low(i) >>> 0)
  }

  /**
   * Fills event `i` and checks every field.
   * @throws ERR_DLB_INVALID_ARGUMENT; then the event has not changed
   */
  set(i: number, fields: EventFields): void {
    const {
      data64 = 0n,
      data16 = 0,
      queue,
      schedulingType,
      priority = 0,
      flowId = 0,
    } = readOptions('fields', fields, names)
    const { kind, id } = readFields('queue', queue, ['kind', 'id'])
    checkChoice('queue.kind', kind, ['load-balanced', 'directed'])
    const usual = kind === 'directed' ? 'directed' : 'unordered'
    const type = schedulingType === undefined ? usual : schedulingType
    checkChoice('schedulingType', type, typeNames)
    checkInteger('index', i, 0, this.length - 1)
    checkInteger('data16', data16, 0, 0xffff)
    checkInteger('queue.id', id, 0, 0xff)
    checkInteger('priority', priority, 0, 7)
    checkInteger('flowId', flowId, 0, 0xffff)
    if (typeof data64 !== 'bigint' || BigInt.asUintN(64, data64) !== data64) {
      throw new NodeDlbError(
        'ERR_DLB_INVALID_ARGUMENT',
        `data64 must be an unsigned 64-bit bigint, not ${show(data64)}`,
      )
    }
    if (this.words.length === 0) throw transferred()
    this.setData64(i, Number(data64 & 0xffffffffn), Number(data64 >> 32n))
    this.setData16(i, data16)
    this.setTarget(i, id, SchedulingType[type], priority)
    this.setFlowId(i, flowId)
    this.words[(i << 2) + 3] &= 0xffff
  }

  /** True only for a real buffer: not for a Proxy of one, nor for an object that looks like one. */
  static is(value: unknown): value is EventBuffer {
    return typeof value === 'object' && value !== null && #bytes in value
  }
}

/**
 * @throws ERR_DLB_FOREIGN_BUFFER if the buffer is another domain's; ERR_DLB_INVALID_ARGUMENT if
 *   `events` is not a buffer.
 */
export function checkBuffer(events: EventBuffer, domainKey: number): void {
  if (!EventBuffer.is(events)) {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', "events must be a buffer from this domain's createEvents()")
  }
  if (events.domainKey !== domainKey) {
    throw new NodeDlbError('ERR_DLB_FOREIGN_BUFFER', "use a buffer from this domain's createEvents()")
  }
}

/** Checks what `checkBuffer` checks, and that the buffer has room for `max` events. */
export function checkRoom(events: EventBuffer, max: number, domainKey: number): void {
  checkBuffer(events, domainKey)
  if (!Number.isInteger(max) || max < 0 || max > events.words.length >> 2) throw rangeError(events, max, 0)
}

/**
 * The error for a range of events that a buffer does not have: `count` events from index `offset`
 * on.
 */
export function rangeError(events: EventBuffer, count: number, offset: number): NodeDlbError {
  if (events.words.length === 0) return transferred()
  return new NodeDlbError(
    'ERR_DLB_INVALID_ARGUMENT',
    `count ${show(count)} from index ${show(offset)} is not within the buffer's ${events.length} events`,
  )
}

function transferred(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', "the buffer's memory was transferred away; make another")
}

/** Checks an accessor's argument without converting it, because a conversion may throw. */
function number(value: number): number {
  if (typeof value === 'number') return value
  throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `indices and values of events must be numbers, not ${show(value)}`)
}
