import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import type { Test } from 'tap'
import { type Balancer, type BalancerOptions, type BalancerStats, startBalancer } from '../../lib/index.ts'
import { get, portOf } from '../clients.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

/** Balancers whose workers end when they are told to, and what is waited for. */

export const entry = source('test/integration/fixtures/lifecycle.cjs')
/** Enough that workers accept themselves. */
export const AT_ONCE = 64

export async function start(t: Test, options: Partial<BalancerOptions> = {}): Promise<Balancer> {
  const balancer = await startBalancer({ entry, workers: 3, respawnDelay: 10, execArgv: [], ...options })
  // The tests make workers die: what they say is not for the test's output.
  balancer.on('worker-exit', () => undefined)
  t.teardown(() => balancer.close({ timeout: 0 }))
  return balancer
}

export function threads(): number {
  return readdirSync('/proc/self/task').length
}

export function checkLaw(t: Test, { connections: c }: BalancerStats): void {
  t.equal(c.accepted, c.adopted + c.refused + c.shed + c.inFlight, 'accepted = adopted + refused + shed + in flight')
  t.equal(c.adopted, c.active + c.closed, 'adopted = active + closed')
  t.equal(c.inFlight + c.active, 0, 'nothing is left')
}

/** Connected, with its request sent. */
export async function asking(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await once(socket, 'connect')
  return socket
}

export function sum(cuts: readonly { connections: number }[]): number {
  return cuts.reduce((total, { connections }) => total + connections, 0)
}

export function openGate(gate: SharedArrayBuffer, order: number): void {
  const words = new Int32Array(gate)
  Atomics.store(words, 1, order)
  Atomics.notify(words, 1)
}

/** Keep-alive connections on which nothing happens. */
export async function holdOpen(balancer: Balancer, count: number): Promise<http.Agent[]> {
  const agents = Array.from({ length: count }, () => new http.Agent({ keepAlive: true }))
  await Promise.all(agents.map((agent) => get(portOf(balancer), '/', agent)))
  return agents
}

export async function untilActive(balancer: Balancer, count: number): Promise<void> {
  await until(`${count} connections are active`, () => balancer.stats().connections.active >= count)
}

export async function untilAccepted(balancer: Balancer, count: number): Promise<void> {
  await until(`${count} connections are accepted`, () => balancer.stats().connections.accepted >= count)
}

export async function untilWaiting(balancer: Balancer): Promise<void> {
  await until('connections wait', () => balancer.stats().connections.waiting > 0)
}
