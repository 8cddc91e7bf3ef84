import t from 'tap'
import { StandIn, supported } from './stand-in.ts'

/**
 * The tests of workers that come, go and die, and of limits, once more, on the DLB device over the
 * stand-in.
 */

if (supported) {
  const standIn = await StandIn.load()
  process.env.NODE_DLB_DEVICE = 'dlb'
  await import('../balancer/rolling.test.ts')
  await import('../balancer/deaths.test.ts')
  await import('../balancer/stalls.test.ts')
  await import('../balancer/admission.test.ts')
  await import('../balancer/overload.test.ts')
  await import('../balancer/forged.test.ts')
  standIn.finish()
} else t.pass('libdlb is for Linux on x64')
