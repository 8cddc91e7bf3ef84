import t from 'tap'
import { openDevice } from '../../lib/device/open.ts'
import { threads } from '../conformance/threads/index.ts'
import { StandIn, supported } from '../dlb/stand-in.ts'

if (supported) {
  const standIn = await StandIn.load()
  threads(t, () => openDevice({ device: 'dlb' }))
  standIn.finish()
} else t.pass('libdlb is for Linux on x64')
