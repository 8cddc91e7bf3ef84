import type { Test } from 'tap'
import type { EventFields } from '../../lib/device/event-buffer.ts'
import { noNumbers, refused, wrong } from './refusals.ts'
import { type Open, World } from './world.ts'

/** What EventBuffer.set takes. */
export function eventFields(t: Test, open: Open): void {
  t.test('set refuses a field out of range, and leaves the event as it was', async (t) => {
    const w = new World(t, open, { queues: [{}], ports: [{ cqDepth: 8 }] })
    const events = w.domain.createEvents(2)
    const right: EventFields = { queue: w.queues[0], data64: 5n, data16: 6, priority: 7, flowId: 8 }
    events.set(1, { ...right, schedulingType: 'atomic' })
    const before = [...events.words]
    const bad = (what: string, fields: unknown, index = 1) =>
      refused(t, 'ERR_DLB_INVALID_ARGUMENT', () => events.set(index, wrong(fields)), what)
    for (const value of [-1, ...noNumbers]) {
      for (const field of ['data16', 'priority', 'flowId']) {
        bad(`${field} ${String(value)}`, { ...right, [field]: value })
      }
      bad(`queue ${String(value)}`, { ...right, queue: { kind: 'load-balanced', id: value } })
      bad(`index ${String(value)}`, right, wrong(value))
    }
    for (const field of ['data16', 'flowId']) bad(`${field} 65536`, { ...right, [field]: 65_536 })
    for (const data64 of [-1n, 2n ** 64n, 5, '5', null]) bad(`data64 ${data64}`, { ...right, data64 })
    for (const schedulingType of ['', 'fair', 0, 'toString']) {
      bad(`schedulingType ${schedulingType}`, { ...right, schedulingType })
    }
    for (const queue of [undefined, null, 3, 'all']) bad(`queue ${queue}`, { ...right, queue })
    for (const fields of [undefined, null, 3]) bad(`fields ${fields}`, fields)
    bad('priority 8', { ...right, priority: 8 })
    bad('index 2', right, 2)
    t.same([...events.words], before)
  })
}
