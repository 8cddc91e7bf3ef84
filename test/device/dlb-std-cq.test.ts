import t from 'tap'
import { openDevice } from '../../lib/device/open.ts'
import { conformance } from '../conformance/index.ts'
import { StandIn, supported } from '../dlb/stand-in.ts'

/**
 * Consumer queues with four events to a cache line, where the other files have one. There are fewer
 * histories than in those: the rings wrap often enough in them.
 */
if (supported) {
  const standIn = await StandIn.load('cq=std')
  conformance(t, () => openDevice({ device: 'dlb' }), { histories: 300 })
  standIn.finish()
} else t.pass('libdlb is for Linux on x64')
