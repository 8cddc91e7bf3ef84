import { policyNames } from '../../../lib/index.ts'
import { nodePeer } from './node-peer.ts'

/** This library: a peer for each policy, and some with options that save work. */
export const nodeDlb = [
  ...policyNames.map((policy) => nodePeer({ name: `node-dlb ${policy}`, script: 'node-dlb.js', args: [policy] })),
  nodePeer({ name: 'node-dlb deferAccept', script: 'node-dlb.js', args: ['unordered', 'deferAccept'] }),
  nodePeer({ name: 'node-dlb parking', script: 'node-dlb.js', args: ['unordered', 'parking'] }),
]
