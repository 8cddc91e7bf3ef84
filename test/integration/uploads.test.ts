import t from 'tap'
import { runNode, source } from '../programs.ts'

/**
 * Node aborts the process when a thread that ends receives requests of HTTP/2: in a process of its
 * own, therefore.
 */
const nightly = process.env.NODE_DLB_NIGHTLY === '1'
const rounds = nightly ? 100 : 5

if (nightly) t.setTimeout(600_000)

for (const kind of ['h2c', 'h2']) {
  t.test(`HTTP/2 uploads are cut ${rounds} times, and the process lives on (${kind})`, async (t) => {
    const { code, signal, stderr } = await runNode([source('test/integration/fixtures/uploads.mjs'), kind, `${rounds}`])
    t.strictSame({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
  })
}
