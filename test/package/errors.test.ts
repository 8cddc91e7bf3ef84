import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import * as device from '../../lib/device/index.ts'
import { errorCodes, NodeDlbError } from '../../lib/errors.ts'
import * as main from '../../lib/index.ts'
import { source } from '../programs.ts'

/** Code → the sentence under its heading. */
function documented(): Record<string, string> {
  const text = readFileSync(source('docs/errors.md'), 'utf8')
  return Object.fromEntries(
    [...text.matchAll(/^### (\w+)\n\n(.+)\n\n- \*\*When:\*\* [\s\S]+?\n- \*\*What to do:\*\* /gm)].map(
      ([, code, meaning]) => [code, meaning],
    ),
  )
}

async function libraryText(): Promise<string> {
  const folder = source('lib')
  const files = await readdir(folder, { recursive: true })
  const sources = files.filter((file) => file.endsWith('.ts') && file !== 'errors.ts')
  return (await Promise.all(sources.map((file) => readFile(path.join(folder, file), 'utf8')))).join('\n')
}

t.test('docs/errors.md has each code of the catalogue with its sentence, when it comes and what to do', async (t) => {
  t.same(documented(), errorCodes)
})

t.test('each code of the catalogue is used by the library', async (t) => {
  const text = await libraryText()
  for (const code of Object.keys(errorCodes)) t.ok(text.includes(`'${code}'`), code)
})

t.test('the library uses no code that the catalogue lacks', async (t) => {
  const codes = new Set((await libraryText()).match(/\bERR_DLB_\w+/g))
  for (const code of codes) t.ok(Object.hasOwn(errorCodes, code), code)
})

t.test('an error carries its code, message and cause', async (t) => {
  const cause = new Error('below')
  const error = new NodeDlbError('ERR_DLB_LISTEN', 'above', { cause })
  t.match(error, { name: 'NodeDlbError', code: 'ERR_DLB_LISTEN', message: 'above' })
  t.equal(error.cause, cause)
})

t.test('both of the package’s entries export the same catalogue and class', async (t) => {
  t.equal(main.NodeDlbError, NodeDlbError)
  t.equal(device.NodeDlbError, NodeDlbError)
  t.equal(main.errorCodes, device.errorCodes)
})

t.test('errors of what ships show the name of their class, and no other that a bundler gives it', async (t) => {
  const bundle = await import(new URL('../../lib/bundle/index.js', import.meta.url).href)
  t.equal(bundle.NodeDlbError.name, 'NodeDlbError')
})
