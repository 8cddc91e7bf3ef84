import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { filesUnder, fingerprint, readStamp, writeStamp } from './files.mjs'
import { runStep } from './problem.mjs'

export const folder = 'dist/lib/bundle'
/**
 * What main, the command and its probing process start with, by the names that package.json and
 * lib/ know them by.
 */
export const mainEntries = {
  index: 'lib/index.ts',
  device: 'lib/device/index.ts',
  cli: 'lib/cli/main.ts',
  probe: 'lib/device/survey/program.ts',
}
/** Of the workers: what they load, and what main compiles for them. */
export const workerEntries = { start: 'lib/worker/start.ts', bootstrap: 'lib/worker/bootstrap.ts' }
const outputs = [
  ...Object.keys(mainEntries).map((name) => `${name}.js`),
  ...Object.keys(workerEntries).map((name) => `${name}.cjs`),
]
const stamp = 'dist/.bundle-fingerprint'

/**
 * What runs of lib/, in few files, when lib/ changed: as a hundred modules it takes twice the time
 * and memory to start, and what a worker thread loads, it loads for itself.
 */
export async function bundle(root) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'node_modules/esbuild/package.json'), 'utf8'))
  const scripts = ['scripts/bundle.mjs', 'scripts/setup/bundle.mjs']
  const current = fingerprint(root, ['tsconfig.json', ...scripts, ...filesUnder(root, ['lib'])], version)
  const allExist = outputs.every((file) => existsSync(path.join(root, folder, file)))
  if (allExist && readStamp(path.join(root, stamp)) === current) return false
  // What several entries share has a name by its content: that of other days goes.
  rmSync(path.join(root, folder), { recursive: true, force: true })
  await runStep({
    doing: 'bundling',
    command: process.execPath,
    args: ['scripts/bundle.mjs'],
    cwd: root,
    onFailure: 'the library could not be bundled; the errors are above',
  })
  writeStamp(path.join(root, stamp), current)
  return true
}
