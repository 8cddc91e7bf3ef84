import { nodePeer } from './node-peer.ts'

/** Node's own way to give a socket to another thread, with a small round robin on top. */
export const socketTransfer = nodePeer({
  name: 'socket transfer',
  script: 'socket-transfer.js',
  since: [
    [24, 20],
    [26, 6],
  ],
})
