import type { ClosedLoad } from '../loads/closed-load.ts'
import type { Trial } from '../trial.ts'

const load: ClosedLoad = {
  kind: 'closed',
  seconds: 5,
  connections: 'new',
  users: 16,
  mix: [{ name: 'requests', path: '/' }],
}
const server = { workers: 2, tls: true }

export const tls: Trial = {
  name: 'TLS',
  about:
    'a TLS 1.3 connection for each request: with a full handshake, and with a session that any worker may have begun',
  peers: [
    'one thread',
    'node-dlb unordered',
    'node-dlb least-connections',
    'cluster round robin',
    'cluster SCHED_NONE',
    'reusePort threads',
    'socket transfer',
  ],
  variants: [
    { name: 'full', server, load: { ...load, tls: 'full' } },
    { name: 'resumed', server, load: { ...load, tls: 'resumed' } },
  ],
}
