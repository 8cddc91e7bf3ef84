import type { Test } from 'tap'
import { atomic } from './atomic.ts'
import { bounds } from './bounds.ts'
import { directed } from './directed.ts'
import { links } from './links.ts'
import { ordered } from './ordered.ts'
import { priorities } from './priorities.ts'
import { unordered } from './unordered.ts'
import type { Open } from './world.ts'

/** Holds a device to the contract in lib/device/device.ts: every semantic, in one thread. */
export function conformance(t: Test, open: Open): void {
  t.test('directed queues', async (t) => directed(t, open))
  t.test('unordered scheduling', async (t) => unordered(t, open))
  t.test('atomic scheduling', async (t) => atomic(t, open))
  t.test('ordered scheduling', async (t) => ordered(t, open))
  t.test('priorities', async (t) => priorities(t, open))
  t.test('bounds', async (t) => bounds(t, open))
  t.test('links, enabled and disabled ports', async (t) => links(t, open))
}
