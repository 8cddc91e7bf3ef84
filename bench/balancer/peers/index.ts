import type { Peer } from '../peer.ts'
import { clusters } from './cluster.ts'
import { nodeDlb } from './node-dlb.ts'
import { reusePortThreads } from './reuse-port.ts'
import { single } from './single.ts'

/** All of them. Trials name those that they want. */
export const peers: readonly Peer[] = [...nodeDlb, ...clusters, reusePortThreads, single]

/** @throws Error for a name that there is not. */
export function peerNamed(name: string): Peer {
  const peer = peers.find((one) => one.name === name)
  if (!peer) throw new Error(`there is no peer '${name}', but ${peers.map((one) => one.name).join(', ')}`)
  return peer
}
