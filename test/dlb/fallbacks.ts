import type { Test } from 'tap'
import { type Balancer, type BalancerOptions, startBalancer } from '../../lib/index.ts'
import { source } from '../programs.ts'

/** What is used after a fallback; policy null: the one asked for. */
export const successors = {
  software: { device: 'software', policy: null },
  exact: { device: 'software', policy: 'exact' },
  nop: { device: 'none', policy: 'nop' },
} as const

export type Successor = keyof typeof successors

export const fallbackPolicies = Object.keys(successors) as Successor[]

export async function start(t: Test, options: Partial<BalancerOptions> = {}): Promise<Balancer> {
  const entry = source('test/integration/fixtures/lifecycle.cjs')
  const balancer = await startBalancer({ entry, workers: 3, device: 'dlb', execArgv: [], respawnDelay: 10, ...options })
  balancer.on('worker-exit', () => undefined)
  t.teardown(() => balancer.close({ timeout: 0 }))
  return balancer
}

/** All were answered, and the figures say so. */
export async function checkEnd(t: Test, balancer: Balancer, connections: number): Promise<void> {
  const { cut, stats } = await balancer.close()
  t.equal(cut, 0)
  const { accepted, adopted, closed, refused, shed } = stats.connections
  t.strictSame(
    { accepted, adopted, closed, refused, shed },
    {
      accepted: connections,
      adopted: connections,
      closed: connections,
      refused: 0,
      shed: 0,
    },
  )
}
