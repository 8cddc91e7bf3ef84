import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { openDevice } from '../../lib/device/open.ts'
import { loadAddon } from '../../lib/native.ts'
import { conformance } from '../conformance/index.ts'
import { threads } from '../conformance/threads/index.ts'

// Where node-gyp-build looks for the addon; the threads of the suites look there, too.
process.env.NODE_DLB_PREBUILD = tmpdir()

t.throws(loadAddon, { code: 'ERR_DLB_ADDON_UNAVAILABLE' })
const open = () => openDevice({ device: 'software' })
conformance(t, open)
threads(t, open, { share: 0.2 })

t.test('a thread that lacks the addon which the others have cannot attach', async (t) => {
  const { NODE_DLB_PREBUILD: folder, ...env } = process.env
  const worker = new Worker(new URL('./fixtures/attacher.js', import.meta.url), { workerData: { folder }, env })
  const exited = once(worker, 'exit')
  const [code] = await once(worker, 'message')
  t.equal(code, 'ERR_DLB_ADDON_UNAVAILABLE')
  await exited
})
