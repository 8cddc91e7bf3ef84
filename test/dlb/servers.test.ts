import t from 'tap'
import { StandIn, supported } from './stand-in.ts'

/**
 * Servers of all kinds, and that no connection is lost, once more, on the DLB device over the
 * stand-in.
 */

if (supported) {
  const standIn = await StandIn.load()
  process.env.NODE_DLB_DEVICE = 'dlb'
  await import('../integration/servers.test.ts')
  await import('../integration/nothing-lost.test.ts')
  standIn.finish()
} else t.pass('libdlb is for Linux on x64')
