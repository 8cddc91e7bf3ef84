import { SchedulingType, type SchedulingTypeValue } from '../event-buffer.ts'
import { unknownTarget, wrongScheduling } from '../validate.ts'
import { type Layout, queue } from './layout.ts'

const unknown = 0
const fits = 1
const wrongType = 2

/**
 * The pairs of scheduling type and queue id that events may name. They are fixed once the domain
 * has started, so they are kept in a table, in which one load finds a pair.
 */
export class Targets {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #table = new Uint8Array(4 * 256)
  #built = false

  constructor(memory: Int32Array, layout: Layout) {
    this.#m = memory
    this.#layout = layout
  }

  /**
   * Checks the targets of `count` events.
   * @throws ERR_DLB_UNKNOWN_QUEUE, ERR_DLB_WRONG_SCHEDULING for the first event that cannot be sent
   */
  check(words: Int32Array, offset: number, count: number): void {
    if (!this.#built) this.#build()
    const table = this.#table
    for (let i = offset; i < offset + count; i++) {
      if (table[(words[i * 4 + 2] >>> 16) & 0x3ff] !== fits) this.#fail(words[i * 4 + 2] >>> 16, i)
    }
  }

  #build(): void {
    const { loadBalancedQueues, directedPorts } = this.#layout.config
    for (let id = 0; id < loadBalancedQueues; id++) {
      const at = this.#layout.queue + id * queue.stride
      if (this.#m[at + queue.made] === 0) continue
      const ordered = this.#m[at + queue.sequenceNumbers] > 0
      this.#set(SchedulingType.atomic, id, fits)
      this.#set(SchedulingType.ordered, id, ordered ? fits : wrongType)
      this.#set(SchedulingType.unordered, id, ordered ? wrongType : fits)
    }
    for (let id = 0; id < directedPorts; id++) {
      const at = this.#layout.queue + (loadBalancedQueues + id) * queue.stride
      if (this.#m[at + queue.made] !== 0) this.#set(SchedulingType.directed, id, fits)
    }
    this.#built = true
  }

  #set(type: number, id: number, value: number): void {
    this.#table[(type << 8) | id] = value
  }

  #fail(target: number, index: number): never {
    const type = ((target >>> 8) & 3) as SchedulingTypeValue
    const id = target & 0xff
    throw this.#table[(type << 8) | id] === unknown ? unknownTarget(index, type, id) : wrongScheduling(index, type, id)
  }
}
