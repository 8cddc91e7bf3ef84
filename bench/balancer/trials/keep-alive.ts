import type { Load } from '../loads/index.ts'
import type { Trial } from '../trial.ts'

const server = { workers: 2 }
const mix = [{ name: 'requests', path: '/' }]
const closed = (connections: number): Load => ({ kind: 'closed', seconds: 5, connections, users: connections, mix })

export const keepAlive: Trial = {
  name: 'keep-alive',
  about: 'requests on connections that stay: a balancer has no part in them, and should cost nothing',
  peers: [
    'one thread',
    'node-dlb unordered',
    'node-dlb least-connections',
    'cluster round robin',
    'cluster SCHED_NONE',
    'reusePort threads',
    'Watt',
    'socket transfer',
    'nginx',
    'HAProxy',
  ],
  variants: [
    { name: '64 connections', server, load: closed(64), short: ['node-dlb unordered', 'cluster round robin'] },
    { name: '1,000 connections', server, load: closed(1000) },
    {
      name: '64 connections, 2,000/s',
      server,
      load: { kind: 'open', seconds: 10, rate: 2000, arrivals: 'random', connections: 64, mix },
    },
  ],
}
