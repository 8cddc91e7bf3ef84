import { NodeDlbError } from '../../errors.ts'
import { type EventBuffer, SchedulingType } from '../event-buffer.ts'

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
    const directed = type === SchedulingType.directed
    if (fits === 0) {
      const kind = directed ? 'directed' : 'load-balanced'
      return new NodeDlbError(
        'ERR_DLB_UNKNOWN_QUEUE',
        `event ${i} names ${kind} queue ${id}, which this domain does not have`,
      )
    }
    return new NodeDlbError(
      'ERR_DLB_WRONG_SCHEDULING',
      type === SchedulingType.ordered
        ? `event ${i} is ordered; create queue ${id} with sequenceNumbers to send ordered events to it`
        : `event ${i} is unordered, but queue ${id} has sequence numbers: send ordered or atomic events to it`,
    )
  }
  return new NodeDlbError('ERR_DLB_UNKNOWN_QUEUE', 'an event named a queue that this domain does not have')
}
