import type { Trial } from '../trial.ts'

export const reload: Trial = {
  name: 'reload',
  about: 'requests that fail while all workers are replaced, one after the other',
  peers: ['node-dlb unordered', 'cluster round robin', 'cluster SCHED_NONE', 'reusePort threads'],
  variants: [
    {
      name: '4 workers',
      server: { workers: 4 },
      load: { kind: 'reload', rate: 250, connections: 32, seconds: 10 },
      short: ['node-dlb unordered'],
    },
  ],
}
