import type { OpenLoad } from '../loads/open.ts'
import type { Trial } from '../trial.ts'

const load: OpenLoad = {
  kind: 'open',
  rate: 500,
  seconds: 10,
  connections: 'new',
  mix: [{ name: 'others', path: '/' }],
}
const server = { workers: 4 }

export const stall: Trial = {
  name: 'stall',
  about: 'the other requests, while every 50th of 500 new connections/s blocks its worker for 100 ms',
  peers: [
    'node-dlb unordered',
    'node-dlb least-connections',
    'node-dlb round-robin',
    'cluster round robin',
    'cluster SCHED_NONE',
    'reusePort threads',
    'Watt',
  ],
  variants: [
    {
      name: 'stalls',
      server,
      load: {
        ...load,
        mix: [...load.mix, { name: 'stalling', path: '/spin/100000', every: 50 }],
        unmeasured: ['stalling'],
      },
      short: ['node-dlb unordered', 'cluster round robin', 'cluster SCHED_NONE'],
    },
    { name: 'no stalls', server, load },
  ],
}
