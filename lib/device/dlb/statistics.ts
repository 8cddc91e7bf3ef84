import { checkChoice } from '../check.ts'
import type { QueueId } from '../device.ts'
import type { QueueStatistic } from './types.ts'

/** Types of `dlb_get_xstats`. */
const ofLoadBalanced: Readonly<Record<QueueStatistic, number>> = {
  inFlight: 0x10000,
  inFlightLimit: 0x10001,
  atomic: 0x10002,
  depthThreshold: 0x10003,
  enqueued: 0x10006,
}
const ofDirected: Readonly<Partial<Record<QueueStatistic, number>>> = { depthThreshold: 0x30002, enqueued: 0x30003 }

/**
 * The in-flight limit that libdlb 8.8 sets in the driver, for drivers that do not report it. For a
 * queue with sequence numbers, this is the smallest number of them that such a queue can have.
 */
export function inFlightByDefault(takesOrdered: boolean): number {
  return takesOrdered ? 64 : 512
}

/**
 * The type of a queue's figure, or undefined if a queue of its kind has no such figure.
 * @throws ERR_DLB_INVALID_ARGUMENT
 */
export function queueStatistic(queue: QueueId, name: QueueStatistic): number | undefined {
  checkChoice('name', name, Object.keys(ofLoadBalanced))
  return queue.kind === 'directed' ? ofDirected[name] : ofLoadBalanced[name]
}
