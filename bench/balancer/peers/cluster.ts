import { nodePeer } from './node-peer.ts'
import { reusePortSince } from './reuse-port.ts'

const clusterPeer = (name: string, way: string): Parameters<typeof nodePeer>[0] => ({
  name: `cluster ${name}`,
  script: 'cluster.js',
  args: [way],
})

/** node:cluster, whose workers are processes. */
export const clusters = [
  nodePeer(clusterPeer('round robin', 'rr')),
  nodePeer(clusterPeer('SCHED_NONE', 'none')),
  nodePeer({ ...clusterPeer('reusePort', 'reuse-port'), since: reusePortSince }),
]
