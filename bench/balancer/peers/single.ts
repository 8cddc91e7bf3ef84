import { nodePeer } from './node-peer.ts'

export const single = nodePeer({ name: 'one thread', script: 'single.js' })
