import type { ClosedLoad } from '../loads/closed-load.ts'
import type { Trial } from '../trial.ts'

const server = { workers: 2 }
const mix = [{ name: 'requests', path: '/' }]
const closed: ClosedLoad = { kind: 'closed', seconds: 5, connections: 'new', users: 64, mix }

/** Peers that run the same app, and differ in who gives it its connections. */
const inNode = [
  'node-dlb unordered',
  'node-dlb least-connections',
  'node-dlb nop',
  'cluster round robin',
  'cluster SCHED_NONE',
  'reusePort threads',
]

export const newConnections: Trial = {
  name: 'new connections',
  about: 'a connection for each request: what it costs, and how long it takes',
  peers: [
    'C, one by one',
    'C, epoll',
    'one thread',
    'node-dlb unordered',
    'node-dlb least-connections',
    'node-dlb nop',
    'node-dlb deferAccept',
    'cluster round robin',
    'cluster SCHED_NONE',
    'cluster reusePort',
    'reusePort threads',
    'Watt',
    'socket transfer',
    'nginx',
    'HAProxy',
  ],
  variants: [
    {
      name: '64 clients',
      server,
      load: closed,
      short: ['C, one by one', 'one thread', 'node-dlb unordered', 'cluster round robin', 'cluster SCHED_NONE'],
    },
    {
      name: '64 clients, 4 workers',
      server: { workers: 4 },
      peers: inNode,
      load: closed,
    },
    { name: 'bare app', server: { workers: 2, bare: true }, peers: inNode, load: closed },
    { name: 'bare app, 4 workers', server: { workers: 4, bare: true }, peers: inNode, load: closed },
    {
      name: '1,500/s',
      server,
      load: { kind: 'open', seconds: 10, rate: 1500, arrivals: 'random', connections: 'new', mix },
    },
  ],
}
