import { execFileSync, spawnSync } from 'node:child_process'
import type { MeasuredOptions } from '../lib/measured.ts'
import { wrkVersion } from './loads/wrk.ts'
import { serverNode } from './peers/node-peer.ts'

/**
 * Returns the facts that figures of servers have to be read with. The balancer takes the device by
 * the environment, as an app would.
 */
export function serverFacts({ device, library }: MeasuredOptions): string[] {
  if (device) process.env.NODE_DLB_DEVICE = device
  if (library !== undefined) process.env.NODE_DLB_LIBRARY = library
  const node = execFileSync(serverNode, ['--version'], { encoding: 'utf8' }).trim()
  return [
    `servers on Node ${node}, node-dlb on device '${device ?? 'auto'}'`,
    `closed loops by ${wrkVersion() ?? 'clients of our own: wrk is not installed'}`,
    ...versionOf('nginx'),
    ...versionOf('haproxy'),
  ]
}

/** Returns the first line of what the program says about itself. */
function versionOf(program: string): string[] {
  const { stdout, stderr, status } = spawnSync(program, ['-v'], { encoding: 'utf8' })
  return status === 0 ? [(stdout || stderr).split('\n')[0].trim()] : []
}
