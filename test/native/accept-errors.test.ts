import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import { run } from './run.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'node-dlb-accept-errors-'))
t.teardown(() => rmSync(directory, { recursive: true }))
const shim = path.join(directory, 'accept-errors.so')
const source = path.resolve(import.meta.dirname, '../../../test/native/fixtures/accept-errors.c')
execFileSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-o', shim, source, '-ldl'])

const { ECONNABORTED, EPROTO, EMFILE, ENFILE, ENOMEM, ENOBUFS, EINVAL } = constants.errno

// What one client and the counters see when accept4 fails so at first.
const table: [string, number[], string[]][] = [
  [
    'connections that are gone are passed over',
    [ECONNABORTED, EPROTO, ECONNABORTED],
    ['{"accepted":1,"shed":0,"aborted":3,"backoffs":0}'],
  ],
  [
    'more of them than a batch has tries',
    Array(100).fill(ECONNABORTED),
    ['{"accepted":1,"shed":0,"aborted":100,"backoffs":0}'],
  ],
  [
    'a want of descriptors that passes costs no connection',
    [EMFILE],
    ['{"accepted":1,"shed":0,"aborted":0,"backoffs":1}'],
  ],
  ['one that lasts does', [EMFILE, EMFILE], ['{"accepted":0,"shed":1,"aborted":0,"backoffs":2}']],
  ['the same holds for the whole system’s', [ENFILE, ENFILE], ['{"accepted":0,"shed":1,"aborted":0,"backoffs":2}']],
  ['a want of memory is waited out', [ENOMEM, ENOBUFS, ENOMEM], ['{"accepted":1,"shed":0,"aborted":0,"backoffs":3}']],
  [
    'what else goes wrong is reported, and ends it',
    [EINVAL],
    ['ERR_DLB_LISTEN', 'EINVAL', '{"accepted":0,"shed":0,"aborted":0,"backoffs":0}'],
  ],
]

for (const [title, errors, lines] of table) {
  t.test(`accept4 fails: ${title}`, async (t) => {
    const preload = [process.env.LD_PRELOAD, shim].filter(Boolean).join(' ')
    t.match(await run('accepts one', { LD_PRELOAD: preload, ACCEPT_ERRORS: errors.join() }), {
      code: 0,
      lines,
      stderr: '',
    })
  })
}
