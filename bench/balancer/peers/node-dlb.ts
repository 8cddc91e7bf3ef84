import { policyNames } from '../../../lib/index.ts'
import { nodePeer } from './node-peer.ts'

/** This library, a peer for each policy. */
export const nodeDlb = policyNames.map((policy) =>
  nodePeer({ name: `node-dlb ${policy}`, script: 'node-dlb.js', args: [policy] }),
)
