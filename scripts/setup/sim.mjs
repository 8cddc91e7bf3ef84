import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { nodeHeaders } from './addon.mjs'
import { filesUnder, fingerprint, readStamp, writeStamp } from './files.mjs'
import { lock } from './lock.mjs'
import { runStep } from './problem.mjs'

const folder = 'native/sim'
const release = `${folder}/build/Release`
const built = ['libdlb.so', 'bsc/libdlb.so', 'sim_test'].map((file) => `${release}/${file}`)
const stamp = `${folder}/build/.fingerprint`

/**
 * Builds the stand-in for libdlb.so (native/sim), which the tests of the DLB device load, when it
 * has changed. Test files that run at the same time may all call this, so it has a lock of its own.
 */
export async function buildSim(root) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return false
  const unlock = await lock(path.join(root, folder))
  try {
    return await buildIfStale(root)
  } finally {
    unlock()
  }
}

async function buildIfStale(root) {
  const sources = filesUnder(root, [folder]).filter((file) => !file.startsWith(`${folder}/build/`))
  const current = fingerprint(root, sources, process.arch)
  const isThere = built.every((file) => existsSync(path.join(root, file)))
  if (isThere && readStamp(path.join(root, stamp)) === current) return false
  await runStep({
    doing: 'building the stand-in for libdlb.so with node-gyp',
    command: process.execPath,
    args: [
      'node_modules/node-gyp/bin/node-gyp.js',
      'configure',
      'build',
      '--jobs=max',
      `--directory=${folder}`,
      ...nodeHeaders(),
    ],
    cwd: root,
    onFailure: 'the stand-in for libdlb.so did not build; what node-gyp and the compiler said is above',
  })
  mkdirSync(path.join(root, release, 'bsc'), { recursive: true })
  copyFileSync(path.join(root, release, 'libbsc.so'), path.join(root, release, 'bsc/libdlb.so'))
  writeStamp(path.join(root, stamp), current)
  return true
}
