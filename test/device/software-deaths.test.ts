import t from 'tap'
import { openDevice } from '../../lib/device/open.ts'
import { deaths } from '../conformance/threads/deaths.ts'

deaths(t, () => openDevice({ device: 'software' }))
