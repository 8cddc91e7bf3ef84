import type { Trial } from '../trial.ts'

const server = { workers: 4 }

export const held: Trial = {
  name: 'held',
  about: 'how evenly connections that stay open are shared, while some of them are replaced again and again',
  peers: [
    'node-dlb least-connections',
    'node-dlb exact',
    'node-dlb unordered',
    'node-dlb round-robin',
    'cluster round robin',
    'cluster SCHED_NONE',
    'reusePort threads',
    'nginx',
    'HAProxy',
  ],
  variants: [
    {
      name: '1,000 connections',
      server,
      load: { kind: 'held', connections: 1000, churns: 15, share: 0.1 },
      short: ['node-dlb least-connections', 'cluster SCHED_NONE'],
    },
    { name: '10,000 connections', server, load: { kind: 'held', connections: 10_000, churns: 10, share: 0.1 } },
  ],
}
