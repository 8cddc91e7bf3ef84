import { NodeDlbError } from '../errors.ts'
import { checkChoice, checkInteger, readFields, show } from './check.ts'
import type { DomainConfig } from './device.ts'

/** The numbers of sequence numbers that a queue can have. A queue with 0 is not ordered. */
export const sequenceNumberCounts: readonly number[] = [0, 64, 128, 256, 512, 1024]
const sizes = sequenceNumberCounts.slice(1)
/**
 * A bound on the length of the list that is made from `sequenceNumberSlots`. It is greater than the
 * number of queues of any device.
 */
const mostSlots = 1024

/** The ordered queues that a domain is to have, each in a sequence number slot (libdlb's term). */
export interface Slots {
  readonly count: number
  /**
   * The number of sequence numbers of each queue, one element per queue. null leaves the sizes to
   * the device.
   */
  readonly sizes: readonly number[] | null
}

/**
 * Reads and checks the two fields of a domain's config that are about ordered queues.
 * @throws ERR_DLB_INVALID_ARGUMENT
 */
export function readSlots({ sequenceNumberSlots, sequenceNumbers }: DomainConfig): Slots {
  if (sequenceNumberSlots !== undefined) {
    checkInteger('sequenceNumberSlots', sequenceNumberSlots, 0, Number.MAX_SAFE_INTEGER)
  }
  if (sequenceNumbers === undefined) return { count: sequenceNumberSlots ?? 0, sizes: null }
  if (typeof sequenceNumbers === 'number') {
    checkChoice('sequenceNumbers', sequenceNumbers, sizes)
    const count = sequenceNumberSlots ?? 1
    return { count, sizes: Array.from({ length: Math.min(count, mostSlots) }, () => sequenceNumbers) }
  }
  const list = readList(sequenceNumbers)
  if (sequenceNumberSlots === undefined || sequenceNumberSlots === list.length)
    return { count: list.length, sizes: list }
  throw new NodeDlbError(
    'ERR_DLB_INVALID_ARGUMENT',
    `sequenceNumbers has ${list.length} elements, and sequenceNumberSlots is ${sequenceNumberSlots}: ` +
      'leave the latter out',
  )
}

function readList(list: readonly number[]): number[] {
  const { length } = readFields('sequenceNumbers', list, ['length'])
  if (!Array.isArray(list)) {
    throw new NodeDlbError(
      'ERR_DLB_INVALID_ARGUMENT',
      `sequenceNumbers must be a number or an array, not ${show(list)}`,
    )
  }
  checkInteger('sequenceNumbers.length', length, 0, mostSlots)
  const indices = Array.from({ length }, (_, i) => i)
  const elements = readFields('sequenceNumbers', list, indices)
  for (const i of indices) checkChoice(`sequenceNumbers[${i}]`, elements[i], sizes)
  return indices.map((i) => elements[i])
}

/** The error for an ordered queue that the domain has no slot for. */
export function noSlot(numbers: number, { count, sizes }: Slots): NodeDlbError {
  const has = sizes === null ? `${count} sequenceNumberSlots` : `sequenceNumbers ${sizes.join(', ') || 'none'}`
  return new NodeDlbError(
    'ERR_DLB_NO_RESOURCES',
    `the domain has no queue with ${show(numbers)} sequence numbers left: it was created with ${has}; ` +
      `create it with sequenceNumbers: [${numbers}, …]`,
  )
}
