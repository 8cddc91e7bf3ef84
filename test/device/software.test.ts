import t from 'tap'
import { openDevice } from '../../lib/device/open.ts'
import { conformance } from '../conformance/index.ts'

conformance(t, () => openDevice({ device: 'software' }))
