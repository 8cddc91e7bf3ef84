import t from 'tap'
import { StandIn, supported } from './stand-in.ts'

/** The gateway's tests once more, on the DLB device over the stand-in. */

if (supported) {
  const standIn = await StandIn.load()
  process.env.NODE_DLB_DEVICE = 'dlb'
  await import('../gateway/gateway.test.ts')
  // One after the other: what is left is looked at when all have ended.
  t.jobs = 1
  standIn.finish()
} else t.pass('libdlb is for Linux on x64')
