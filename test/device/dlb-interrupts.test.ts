import t from 'tap'
import { openDevice } from '../../lib/device/open.ts'
import { conformance } from '../conformance/index.ts'
import { StandIn, supported } from '../dlb/stand-in.ts'

/** Interrupts only for arrivals, of which every third is lost. */
if (supported) {
  const standIn = await StandIn.load('version=2.5,interrupts=arrival,lost-interrupts=3')
  conformance(t, () => openDevice({ device: 'dlb' }))
  standIn.finish()
} else t.pass('libdlb is for Linux on x64')
