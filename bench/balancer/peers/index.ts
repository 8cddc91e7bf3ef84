import type { Peer } from '../peer.ts'
import { floors } from './c.ts'
import { clusters } from './cluster.ts'
import { haproxy } from './haproxy.ts'
import { nginx } from './nginx.ts'
import { nodeDlb } from './node-dlb.ts'
import { reusePortThreads } from './reuse-port.ts'
import { single } from './single.ts'
import { socketTransfer } from './socket-transfer.ts'
import { watt } from './watt.ts'

/** All peers. Trials name those that they want. */
export const peers: readonly Peer[] = [
  ...nodeDlb,
  ...clusters,
  reusePortThreads,
  socketTransfer,
  watt,
  single,
  ...floors,
  nginx,
  haproxy,
]

/** @throws Error if no peer has this name */
export function peerNamed(name: string): Peer {
  const peer = peers.find((one) => one.name === name)
  if (!peer) throw new Error(`there is no peer '${name}', but ${peers.map((one) => one.name).join(', ')}`)
  return peer
}
