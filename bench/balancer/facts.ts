import { execFileSync, spawnSync } from 'node:child_process'
import type { MeasuredOptions } from '../lib/measured.ts'
import { serverNode } from './peers/node-peer.ts'

/** What the figures of servers must be read with. The balancer takes the device by the environment, as an app would. */
export function serverFacts({ device, library }: MeasuredOptions): string[] {
  if (device) process.env.NODE_DLB_DEVICE = device
  if (library !== undefined) process.env.NODE_DLB_LIBRARY = library
  const node = execFileSync(serverNode, ['--version'], { encoding: 'utf8' }).trim()
  return [
    `servers on Node ${node}, node-dlb on device '${device ?? 'auto'}'`,
    ...versionOf('nginx'),
    ...versionOf('haproxy'),
  ]
}

/** The first line that has a number in it. */
function versionOf(program: string): string[] {
  const { stdout, stderr, status } = spawnSync(program, ['-v'], { encoding: 'utf8' })
  return status === 0 ? [(stdout || stderr).split('\n')[0].trim()] : []
}
