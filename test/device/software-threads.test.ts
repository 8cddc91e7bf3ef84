import t from 'tap'
import { openDevice } from '../../lib/device/open.ts'
import { threads } from '../conformance/threads/index.ts'

threads(t, () => openDevice({ device: 'software' }))
