import { NodeDlbError } from '../../errors.ts'
import type { EventBuffer } from '../event-buffer.ts'
import { unknownTarget, wrongScheduling } from '../validate.ts'

/**
 * Looks up a scheduling type and a queue id. Returns 0 if there is no such queue, 1 if the queue
 * takes that type, 2 if it does not.
 */
export type Target = (type: number, queue: number) => number

/**
 * The error for refused events: it is about the first event that names a queue which does not exist
 * or does not take the event's type.
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
