import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { filesUnder, fingerprint, readStamp, writeStamp } from './files.mjs'
import { runStep } from './problem.mjs'

export const folder = 'dist/lib/bundle'
/**
 * The entries of the main thread, the command and its probing process, by the names that
 * package.json and lib/ know them by.
 */
export const mainEntries = {
  index: 'lib/index.ts',
  device: 'lib/device/index.ts',
  cli: 'lib/cli/main.ts',
  probe: 'lib/device/survey/program.ts',
}
/** The entries of the workers: what they load, and what main compiles for them. */
export const workerEntries = { start: 'lib/worker/start.ts', bootstrap: 'lib/worker/bootstrap.ts' }
const outputs = [
  ...Object.keys(mainEntries).map((name) => `${name}.js`),
  ...Object.keys(workerEntries).map((name) => `${name}.cjs`),
]
const stamp = 'dist/.bundle-fingerprint'

/**
 * Bundles lib/ into few files when it has changed. As a hundred modules it takes twice the time and
 * memory to start, and each worker thread loads its own copy.
 */
export async function bundle(root) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'node_modules/esbuild/package.json'), 'utf8'))
  const scripts = ['scripts/bundle.mjs', 'scripts/setup/bundle.mjs']
  const current = fingerprint(root, ['tsconfig.json', ...scripts, ...filesUnder(root, ['lib'])], version)
  const allExist = outputs.every((file) => existsSync(path.join(root, folder, file)))
  if (allExist && readStamp(path.join(root, stamp)) === current) return false
  // Shared chunks are named by their content: the old ones are removed.
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
