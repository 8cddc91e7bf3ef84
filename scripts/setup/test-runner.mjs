import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fingerprint, readStamp, writeStamp } from './files.mjs'
import { runStep } from './problem.mjs'

// The stamp is in node_modules, so that it disappears when they are installed anew.
const stamp = 'node_modules/.tap-fingerprint'

/**
 * Assembles tap from the plugins in .taprc. If `tap run` does this, it comes too late for that run.
 */
export async function prepareTestRunner(root) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'node_modules/tap/package.json'), 'utf8'))
  const current = fingerprint(root, ['.taprc'], version)
  if (readStamp(path.join(root, stamp)) === current) return false
  await runStep({
    doing: 'preparing the test runner (tap build)',
    command: process.execPath,
    args: ['node_modules/tap/dist/esm/run.mjs', 'build'],
    cwd: root,
    onFailure: 'tap could not assemble itself',
  })
  writeStamp(path.join(root, stamp), current)
  return true
}
