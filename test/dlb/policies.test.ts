import t from 'tap'
import { StandIn, supported } from './stand-in.ts'

/** The policies' tests once more, on the DLB device over the stand-in. */

if (supported) {
  const standIn = await StandIn.load()
  process.env.NODE_DLB_DEVICE = 'dlb'
  await import('../balancer/shares.test.ts')
  await import('../balancer/least-connections.test.ts')
  await import('../balancer/affinity.test.ts')
  await import('../balancer/workers-accept.test.ts')
  await import('../balancer/listener-settings.test.ts')
  standIn.finish()
} else t.pass('libdlb is for Linux on x64')
