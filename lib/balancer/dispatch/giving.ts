import type { EventBuffer } from '../../device/event-buffer.ts'
import type { FabricHooks } from './fabric.ts'

/**
 * Gives connections to workers as messages, where no device has a queue for them: each event's
 * queue id is its worker. If that one's thread has ended by then, the ledger says what it was sent.
 * @returns how many, which is all.
 */
export function giveAll(events: EventBuffer, count: number, give: FabricHooks['give']): number {
  for (let i = 0; i < count; i++) {
    const connection = { listener: events.data16(i), fd: events.data64Low(i), stamp: events.data64High(i) }
    give(events.queueId(i), { type: 'take', ...connection })
  }
  return count
}
