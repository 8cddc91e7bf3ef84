import type { Trial } from '../trial.ts'

const peers = [
  'node-dlb unordered',
  'cluster round robin',
  'cluster SCHED_NONE',
  'reusePort threads',
  'Watt',
  'socket transfer',
]

export const startUp: Trial = {
  name: 'start-up',
  about: 'the time until all workers listen, and the memory that they take (PSS)',
  peers,
  variants: [1, 4, 16].map((workers) => ({
    name: `${workers} workers`,
    server: { workers },
    load: { kind: 'start-up' },
    ...(workers === 1 ? { peers: ['one thread', ...peers] } : {}),
    short: workers === 4 ? ['node-dlb unordered', 'cluster round robin'] : [],
  })),
}
