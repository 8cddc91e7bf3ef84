import { pathToFileURL } from 'node:url'
import t from 'tap'
import { startBalancer } from '../../lib/index.ts'
import { get, portOf } from '../clients.ts'

const esm = `import http from 'node:http'
const { href } = new URL(import.meta.url)
const answer = [href, ...process.argv.slice(1)]
http.createServer((_, response) => response.end(JSON.stringify(answer))).listen(0, '127.0.0.1')`
const commonjs = `const http = require('node:http')
const answer = [__filename, require.main === module]
http.createServer((_, response) => response.end(JSON.stringify(answer))).listen(0, '127.0.0.1')`

t.test("an entry's URL keeps its query and its hash", async (t) => {
  const folder = t.testdir({ 'app.mjs': esm, 'two words.mjs': esm, 'app.cjs': commonjs })
  const common = { workers: 1, argv: ['x'], execArgv: [], env: {} }
  for (const name of ['app.mjs', 'two words.mjs']) {
    const entry = pathToFileURL(`${folder}/${name}`)
    for (const more of ['?v=2', '#top', '?v=2&w=%20#top', '']) {
      const balancer = await startBalancer({ ...common, entry: new URL(`${entry}${more}`) })
      t.strictSame(JSON.parse((await get(portOf(balancer))).body), [`${entry}${more}`, `${folder}/${name}`, 'x'])
      await balancer.close()
    }
  }
  const entry = new URL(`${pathToFileURL(`${folder}/app.cjs`)}?v=2`)
  const balancer = await startBalancer({ ...common, entry })
  t.strictSame(JSON.parse((await get(portOf(balancer))).body), [`${folder}/app.cjs`, true], 'where it means nothing')
  await balancer.close()
})

t.test('one that fails says so', async (t) => {
  const folder = t.testdir({ 'app.mjs': "throw new Error('boom')" })
  const entry = new URL(`${pathToFileURL(`${folder}/app.mjs`)}?v=2`)
  const failed = { code: 'ERR_DLB_ENTRY_FAILED', workerError: /boom/, exitCode: 1 }
  await t.rejects(startBalancer({ entry, workers: 1, execArgv: [], env: {} }), failed)
})
