import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import { run } from './run.ts'

t.test('without the addon the error names the fix and keeps the cause', async (t) => {
  const { code, lines } = await run('no addon', { NODE_DLB_PREBUILD: path.join(tmpdir(), 'nothing-here') })
  t.equal(code, 0)
  t.equal(lines[0], 'ERR_DLB_ADDON_UNAVAILABLE')
  t.match(lines[1], /npm run build:addon.*compiler.*No native build was found/)
  t.equal(lines[2], 'true')
})

t.test('an addon of another system is the same error', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'node-dlb-prebuild-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  mkdirSync(path.join(directory, 'build', 'Release'), { recursive: true })
  writeFileSync(path.join(directory, 'build', 'Release', 'node_dlb.node'), 'no ELF file')
  const { lines } = await run('no addon', { NODE_DLB_PREBUILD: directory })
  t.equal(lines[0], 'ERR_DLB_ADDON_UNAVAILABLE')
  t.match(lines[1], 'node_dlb.node')
})

t.test(
  'an exception of the batch callback is an uncaught one, ticks run after each batch, and accepting goes on',
  async (t) => {
    const { code, lines } = await run('throws in a batch')
    t.equal(code, 0)
    t.strictSame(lines.toSorted(), ['microtask', 'microtask', 'nextTick', 'nextTick', 'thrown in a batch'])
  },
)

t.test('an exception that nobody catches ends the process as any other does', async (t) => {
  const { code, stderr } = await run('does not catch')
  t.equal(code, 1)
  t.match(stderr, /Error: thrown in a batch\n +at/)
})

t.test('an open listener keeps the process alive, also while it is paused', async (t) => {
  t.match(await run('paused keeps the loop alive'), { code: 0, lines: ['still alive'] })
})

t.test('the process can exit while listening', async (t) => {
  t.match(await run('exits while listening'), { code: 3, stderr: '' })
})

t.test('the addon can be loaded by threads alone, again and again', async (t) => {
  t.match(await run('only threads load the addon'), { code: 0, lines: ['done'], stderr: '' })
})
