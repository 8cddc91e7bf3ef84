import { nodePeer } from './node-peer.ts'

export const reusePortSince = [
  [22, 12],
  [23, 1],
] as const

export const reusePortThreads = nodePeer({
  name: 'reusePort threads',
  script: 'reuse-port-threads.js',
  since: reusePortSince,
})
