import type { OpenLoad } from '../loads/open.ts'
import type { Trial } from '../trial.ts'

const load = (rate: number): OpenLoad => ({
  kind: 'open',
  rate,
  arrivals: 'random',
  seconds: 10,
  connections: 'new',
  mix: [{ name: 'requests', path: '/who' }],
})
const server = { workers: 4 }
const short = ['node-dlb unordered', 'cluster round robin']

export const handOff: Trial = {
  name: 'hand-off',
  about:
    "from the client's connect() to the 'connection' event in the worker, and for node-dlb from accept to adoption",
  peers: [
    'node-dlb unordered',
    'node-dlb least-connections',
    'node-dlb round-robin',
    'node-dlb nop',
    'cluster round robin',
    'cluster SCHED_NONE',
    'reusePort threads',
    'socket transfer',
    'one thread',
  ],
  variants: [
    { name: 'idle, 50/s', server, load: load(50), short },
    { name: 'loaded, 1,500/s', server, load: load(1500) },
  ],
}
