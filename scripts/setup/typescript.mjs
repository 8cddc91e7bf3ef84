import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { folder as bundles } from './bundle.mjs'
import { filesUnder, fingerprint, readStamp, writeStamp } from './files.mjs'
import { runStep } from './problem.mjs'

const folders = ['lib', 'test', 'bench', 'examples']
const stamp = 'dist/.fingerprint'
const buildInfo = 'dist/.tsbuildinfo'
const isSource = (file) => /(?<!\.d)\.[cm]?ts$/.test(file)
const outputOf = (source) => path.join('dist', source.replace(/ts$/, 'js'))

/**
 * Runs tsc when a source has changed. Outputs of sources that are gone are removed first, so that a
 * deleted test does not run.
 */
export async function compile(root) {
  const sources = filesUnder(root, folders).filter(isSource)
  const { version } = JSON.parse(readFileSync(path.join(root, 'node_modules/typescript/package.json'), 'utf8'))
  const current = fingerprint(root, ['tsconfig.json', ...sources], version)
  if (isFresh(root, sources, current)) return false

  removeOrphans(root, sources)
  // tsc trusts its build info, and does not check whether an output that it wrote once is still
  // there.
  if (!allExist(root, sources)) rmSync(path.join(root, buildInfo), { force: true })
  await runStep({
    doing: 'compiling TypeScript',
    command: process.execPath,
    args: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', ...(process.stderr.isTTY ? ['--pretty'] : [])],
    cwd: root,
    onFailure: 'the TypeScript did not compile; the errors are above',
  })
  writeStamp(path.join(root, stamp), `${current} ${compiledAt(root)}`)
  return true
}

/**
 * The date of tsc's build info is part of the stamp, because somebody may have run tsc by hand and
 * changed the outputs.
 */
function isFresh(root, sources, current) {
  return readStamp(path.join(root, stamp)) === `${current} ${compiledAt(root)}` && allExist(root, sources)
}

const compiledAt = (root) => statSync(path.join(root, buildInfo), { throwIfNoEntry: false })?.mtimeMs

const allExist = (root, sources) => sources.every((source) => existsSync(path.join(root, outputOf(source))))

function removeOrphans(root, sources) {
  const alive = new Set(sources.map(outputOf))
  const outputs = filesUnder(
    root,
    folders.map((folder) => `dist/${folder}`),
  ).filter((file) => !file.startsWith(`${bundles}/`))
  for (const file of outputs) {
    const [, stem, kind] = /^(.*?)(?:\.d)?\.([cm]?)[jt]s(?:\.map)?$/.exec(file) ?? []
    if (stem && !alive.has(`${stem}.${kind}js`)) rmSync(path.join(root, file))
  }
}
