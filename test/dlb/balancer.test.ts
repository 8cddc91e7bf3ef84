import t from 'tap'
import { StandIn, supported } from './stand-in.ts'

/** The balancer's tests once more, on the DLB device over the stand-in. */

if (supported) {
  const standIn = await StandIn.load()
  process.env.NODE_DLB_DEVICE = 'dlb'
  await import('../balancer/closing.test.ts')
  await import('../balancer/lifecycle.test.ts')
  await import('../balancer/listeners.test.ts')
  await import('../balancer/policies.test.ts')
  standIn.finish()
} else t.pass('libdlb is for Linux on x64')
