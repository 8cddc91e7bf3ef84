import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Peer, ServerSpec } from '../peer.ts'
import { startWithFolder } from './config-peer.ts'
import { isSince, nodeVersion, serverNode, tooOld } from './node-peer.ts'

/** A folder in which `npm install wattpm@3 @platformatic/node@3` was run. */
const installed = process.env.NODE_DLB_BENCH_WATT
const since = [[22, 19]] as const
const app = new URL('../app/app.js', import.meta.url)

/**
 * Platformatic Watt is a runtime that starts an app in several threads. They share its port by
 * SO_REUSEPORT.
 */
export const watt: Peer = {
  name: 'Watt',
  unavailable: ({ tls }) => {
    if (installed === undefined) return 'NODE_DLB_BENCH_WATT names no folder that has wattpm and @platformatic/node'
    if (!existsSync(program(installed))) return `there is no ${program(installed)}`
    if (!isSince(nodeVersion(), since)) return tooOld(since)
    return tls ? 'its threads speak HTTP' : null
  },
  start: (spec) =>
    startWithFolder((folder, port) => {
      writeApp(folder, spec, port)
      const env = {
        ...process.env,
        ...(spec.webSocket && { BENCH_WEB_SOCKET: '1' }),
        ...(spec.bare && { BENCH_BARE: '1' }),
      }
      return { command: serverNode, args: [program(installed ?? ''), 'start'], options: { cwd: folder, env } }
    }),
}

function program(folder: string): string {
  return path.resolve(folder, 'node_modules/.bin/wattpm')
}

function writeApp(folder: string, { workers }: ServerSpec, port: number): void {
  const write = (name: string, content: object | string): void =>
    writeFileSync(path.join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  mkdirSync(path.join(folder, 'app'))
  symlinkSync(path.resolve(installed ?? '', 'node_modules'), path.join(folder, 'node_modules'))
  write('watt.json', {
    $schema: 'https://schemas.platformatic.dev/wattpm/3.67.0.json',
    entrypoint: 'app',
    applications: [{ id: 'app', path: './app', workers }],
    server: { hostname: '127.0.0.1', port },
    logger: { level: 'error' },
    // For metrics, Watt would listen on all addresses.
    metrics: { enabled: false },
  })
  write('app/watt.json', { $schema: 'https://schemas.platformatic.dev/@platformatic/node/3.67.0.json' })
  write('app/package.json', { name: 'app', type: 'module', main: 'index.js' })
  write('app/index.js', `export { createApp as create } from ${JSON.stringify(fileURLToPath(app))}\n`)
}
