import type { Trial } from '../trial.ts'

export const workers: Trial = {
  name: 'workers',
  about: 'what a connection costs, and how long its way to a worker is, as workers are added',
  peers: [
    'node-dlb unordered',
    'node-dlb least-connections',
    'node-dlb parking',
    'cluster round robin',
    'cluster SCHED_NONE',
    'reusePort threads',
  ],
  variants: [1, 2, 4, 8, 16, 32].map((workers) => ({
    name: `${workers}`,
    server: { workers },
    load: {
      kind: 'open',
      rate: 1000,
      arrivals: 'random',
      seconds: 5,
      // By then as many workers are parked as can be, and V8 has compiled the code of the others.
      settleSeconds: 20,
      connections: 'new',
      mix: [{ name: 'requests', path: '/who' }],
    },
  })),
}
