import { NodeDlbError } from '../../errors.ts'
import type { EventBuffer } from '../event-buffer.ts'
import { unknownTarget, wrongScheduling } from '../validate.ts'

/**
 * For a scheduling type and queue id: 0 there is no such queue, 1 it takes that type, 2 it does
 * not.
 */
export type Target = (type: number, queue: number) => number

/**
 * Why events were refused: the first that names a queue which is not there, or does not take its
 * type.
 */
export function targetError(events: EventBuffer, count: number, offset: number, target: Target): NodeDlbError {
  for (let i = offset; i < offset + count; i++) {
    const type = events.schedulingType(i)
    const id = events.queueId(i)
    const fits = target(type, id)
    if (fits === 1) continue
    return fits === 0 ? unknownTarget(i, type, id) : wrongScheduling(i, type, id)
  }
  return new NodeDlbError('ERR_DLB_UNKNOWN_QUEUE', 'an event named a queue that this domain does not have')
}
