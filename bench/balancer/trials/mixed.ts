import type { Trial } from '../trial.ts'

export const mixed: Trial = {
  name: 'mixed',
  about: 'cheap requests and, every 20th, one that costs 100 times as much, at 70% of what the machine can do',
  peers: [
    'node-dlb unordered',
    'node-dlb least-connections',
    'node-dlb exact',
    'node-dlb round-robin',
    'node-dlb affinity',
    'node-dlb nop',
    'cluster round robin',
    'cluster SCHED_NONE',
    'reusePort threads',
    'Watt',
    'socket transfer',
  ],
  variants: [
    {
      name: '70% load',
      server: { workers: 4 },
      load: {
        kind: 'open',
        rate: { share: 0.7, of: 'node-dlb unordered' },
        arrivals: 'random',
        seconds: 10,
        // By then V8 has compiled what this load runs, which differs from the warm-up.
        settleSeconds: 20,
        connections: 'new',
        mix: [
          { name: 'cheap', path: '/work/10' },
          { name: 'expensive', path: '/work/1000', every: 20 },
        ],
      },
      short: ['node-dlb unordered', 'cluster round robin'],
    },
  ],
}
