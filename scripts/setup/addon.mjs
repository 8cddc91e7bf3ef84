import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { filesUnder, fingerprint, readStamp, writeStamp } from './files.mjs'
import { runStep, SetupProblem, say } from './problem.mjs'

const built = 'build/Release/node_dlb.node'
const stamp = 'build/.fingerprint'

/**
 * Builds the addon with node-gyp when its sources have changed. Node's version is deliberately not
 * part of the fingerprint: the addon uses Node-API and libuv's stable ABI only, so one binary
 * serves every Node that this package supports.
 */
export async function buildAddon(root) {
  if (process.platform !== 'linux') {
    say(`no native addon: it runs on Linux only, not on ${process.platform}; the software device works without it`)
    return false
  }
  const nodeAddonApi = JSON.parse(readFileSync(path.join(root, 'node_modules/node-addon-api/package.json'), 'utf8'))
  // The stand-in for libdlb is a library of its own (sim.mjs).
  const native = filesUnder(root, ['native']).filter((file) => !file.startsWith('native/sim/'))
  const sources = ['binding.gyp', ...native]
  const current = fingerprint(root, sources, process.arch, nodeAddonApi.version)
  if (existsSync(path.join(root, built)) && readStamp(path.join(root, stamp)) === current) return false
  checkTools()
  await runStep({
    doing: 'building the native addon with node-gyp',
    command: process.execPath,
    args: ['node_modules/node-gyp/bin/node-gyp.js', 'configure', 'build', '--jobs=max', ...nodeHeaders()],
    cwd: root,
    onFailure: 'the native addon did not build; what node-gyp and the compiler said is above',
  })
  writeStamp(path.join(root, stamp), current)
  return true
}

/**
 * The headers that came with this Node, if they did. Without them, node-gyp takes its cache, or
 * fetches them.
 */
export function nodeHeaders() {
  const prefix = path.resolve(process.execPath, '../..')
  const header = path.join(prefix, 'include/node/node_version.h')
  const major = process.versions.node.split('.')[0]
  const fits = existsSync(header) && new RegExp(`NODE_MAJOR_VERSION ${major}\\b`).test(readFileSync(header, 'utf8'))
  return fits ? [`--nodedir=${prefix}`] : []
}

const tools = [
  { what: 'a C++ compiler', any: [process.env.CXX, 'g++', 'c++', 'clang++'], packages: ['g++', 'gcc-c++', 'g++'] },
  { what: 'make', any: [process.env.MAKE, 'make'], packages: ['make', 'make', 'make'] },
  {
    what: 'python3',
    any: [process.env.npm_config_python, process.env.PYTHON, 'python3', 'python'],
    packages: ['python3', 'python3', 'python3'],
  },
]

const installers = [
  ['Debian, Ubuntu', 'apt-get install'],
  ['Fedora, RHEL', 'dnf install'],
  ['Alpine', 'apk add linux-headers'],
]

function checkTools() {
  const missing = tools.filter(({ any }) => !any.some((command) => command && runs(command)))
  if (missing.length === 0) return
  const lines = installers.map(
    ([system, command], i) => `  ${system}: ${command} ${missing.map(({ packages }) => packages[i]).join(' ')}`,
  )
  throw new SetupProblem(
    `the native addon needs ${missing.map(({ what }) => what).join(', ')}; install what is missing:\n` +
      lines.join('\n'),
  )
}

function runs(command) {
  // CXX may contain arguments ("ccache g++"), which make and node-gyp accept.
  const [program, ...args] = command.split(' ')
  return spawnSync(program, [...args, '--version'], { stdio: 'ignore' }).status === 0
}
