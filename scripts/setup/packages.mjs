import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { runStep } from './problem.mjs'

/** Runs `npm ci` if the installed packages differ from package-lock.json. */
export async function installPackages(root) {
  const reason = whyStale(root)
  if (!reason) return false
  // Inside `npm start`, this is the npm that runs it. yarn and pnpm put their own entry into the
  // same variable, which is not used.
  const npmCli = process.env.npm_execpath
  const ours = npmCli && path.basename(npmCli) === 'npm-cli.js'
  await runStep({
    doing: `installing packages with npm ci (${reason})`,
    command: ours ? process.execPath : 'npm',
    args: [...(ours ? [npmCli] : []), 'ci', '--no-audit', '--no-fund', '--loglevel=error'],
    cwd: root,
    onFailure: 'npm could not install the packages',
  })
  return true
}

function whyStale(root) {
  const installedFile = path.join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(installedFile)) return 'no node_modules yet'
  const wanted = readPackages(path.join(root, 'package-lock.json'))
  const installed = readPackages(installedFile)
  for (const [place, { version, optional, ...limits }] of Object.entries(wanted)) {
    if (place === '' || (optional && !isForThisMachine(limits))) continue
    if (installed[place]?.version !== version) return `${place.replace(/^.*node_modules\//, '')} ${version} is missing`
  }
  return undefined
}

const readPackages = (file) => JSON.parse(readFileSync(file, 'utf8')).packages

/**
 * Whether npm would install an optional package here. Packages that name a libc are left to npm,
 * which can tell one libc from the other.
 */
const isForThisMachine = ({ os, cpu, libc }) =>
  !libc && (os?.includes(process.platform) ?? false) && (cpu?.includes(process.arch) ?? false)
