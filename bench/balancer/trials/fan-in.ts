import type { Trial } from '../trial.ts'

export const fanIn: Trial = {
  name: 'fan-in',
  about: 'WebSockets that send a message every 200 ms; most last for half a second, each tenth for ten',
  peers: [
    'node-dlb least-connections',
    'node-dlb unordered',
    'node-dlb round-robin',
    'cluster round robin',
    'cluster SCHED_NONE',
    'reusePort threads',
    'socket transfer',
    'Watt',
  ],
  variants: [
    {
      name: '400 connections',
      server: { workers: 4, webSocket: true },
      load: { kind: 'fan-in', connections: 400, gap: 200, seconds: 10 },
      short: ['node-dlb least-connections', 'cluster round robin'],
    },
  ],
}
