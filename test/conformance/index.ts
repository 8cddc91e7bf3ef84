import type { Test } from 'tap'
import { directed } from './directed.ts'
import type { Open } from './world.ts'

/** Holds a device to the contract in lib/device/device.ts: every semantic, in one thread. */
export function conformance(t: Test, open: Open): void {
  t.test('directed queues', async (t) => directed(t, open))
}
