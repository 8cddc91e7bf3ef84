import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const source = new URL('../../../bench/native/', import.meta.url)
const binary = new URL('build/Release/eventfd.node', source)

export interface Eventfd {
  open(): number
  listen(fd: number, callback: () => void): void
  signal(fd: number): boolean
}

/** Builds the bench's own little addon if it is not there, as set-up builds the package's. */
export async function buildEventfd(): Promise<void> {
  if (existsSync(binary)) return
  const setup = new URL('../../../scripts/setup/addon.mjs', import.meta.url)
  const { nodeHeaders } = (await import(setup.href)) as { nodeHeaders(): string[] }
  const nodeGyp = require.resolve('node-gyp/bin/node-gyp.js')
  const args = [nodeGyp, 'rebuild', '--directory', source.pathname, ...nodeHeaders()]
  execFileSync(process.execPath, args, { stdio: 'pipe' })
}

export function loadEventfd(): Eventfd {
  return require(binary.pathname) as Eventfd
}
