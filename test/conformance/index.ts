import type { Test } from 'tap'
import { atomic } from './atomic.ts'
import { bounds } from './bounds.ts'
import { configuration } from './configuration.ts'
import { directed } from './directed.ts'
import { eventFields } from './event-fields.ts'
import { lifecycle } from './lifecycle.ts'
import { links } from './links.ts'
import { model } from './model.ts'
import { ordered } from './ordered.ts'
import { priorities } from './priorities.ts'
import { readable } from './readable.ts'
import { recovery } from './recovery.ts'
import { unordered } from './unordered.ts'
import type { Open } from './world.ts'
import { wrongUse } from './wrong-use.ts'

/**
 * Holds a device to the contract in lib/device/device.ts: every semantic, in one thread.
 * @param histories how many random histories, which leave a device no freedom in which of several
 *   events goes first.
 */
export function conformance(t: Test, open: Open, { histories = 1000 } = {}): void {
  t.test('directed queues', async (t) => directed(t, open))
  t.test('unordered scheduling', async (t) => unordered(t, open))
  t.test('atomic scheduling', async (t) => atomic(t, open))
  t.test('ordered scheduling', async (t) => ordered(t, open))
  t.test('priorities', async (t) => priorities(t, open))
  t.test('bounds', async (t) => bounds(t, open))
  t.test('configuration', async (t) => configuration(t, open))
  t.test('wrong use', async (t) => wrongUse(t, open))
  t.test('fields of events', async (t) => eventFields(t, open))
  t.test('lifecycle', async (t) => lifecycle(t, open))
  t.test('recovery', async (t) => recovery(t, open))
  t.test('onReadable', async (t) => readable(t, open))
  if (histories > 0) t.test('random histories', async (t) => model(t, open, histories))
  t.test('links, enabled and disabled ports', async (t) => links(t, open))
}
