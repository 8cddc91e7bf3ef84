import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Child } from '../child.ts'
import type { Peer } from '../peer.ts'

/**
 * Floors, which show what the kernel alone costs. They have one thread, whatever number of workers
 * is asked for.
 */
export const floors: readonly Peer[] = [cPeer('C, one by one', 'one_by_one'), cPeer('C, epoll', 'epoll')]

const compiler = process.env.CC ?? 'cc'
const built = new Set<string>()

function cPeer(name: string, program: string): Peer {
  const source = fileURLToPath(new URL(`../../../../bench/native/${program}.c`, import.meta.url))
  const file = fileURLToPath(new URL(program, import.meta.url))
  return {
    name,
    unavailable: () => (spawnSync(compiler, ['--version']).status === 0 ? null : `there is no C compiler ${compiler}`),
    start: async () => {
      if (!built.has(file)) execFileSync(compiler, ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-o', file, source])
      built.add(file)
      const child = await Child.start(file, [], { stdio: ['ignore', 'pipe', 'inherit'] })
      return { child, port: Number(await child.line()), reload: null }
    },
  }
}
