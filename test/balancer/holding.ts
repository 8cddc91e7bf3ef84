import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { type Balancer, type BalancerOptions, type BalancerStats, startBalancer } from '../../lib/index.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

/** A client whose connection stays open. */
export class Held {
  readonly socket: net.Socket
  readonly #line: Promise<string>

  constructor(port: number, localAddress?: string) {
    this.socket = net.connect({ port, host: '127.0.0.1', ...(localAddress && { localAddress }) })
    this.socket.on('error', () => undefined)
    this.#line = once(this.socket, 'data').then(([data]) => String(data))
    // Asked for or not.
    this.#line.catch(() => undefined)
  }

  /** The thread that has the connection, and when it got it, in ns. */
  async taken(): Promise<{ thread: number; at: bigint }> {
    const [thread, at] = (await this.#line).trim().split(' ')
    return { thread: Number(thread), at: BigInt(at) }
  }
}

/** A balancer of servers that hold connections, and its clients. */
export class Holding {
  readonly balancer: Balancer
  readonly gate: Int32Array
  readonly held = new Set<Held>()

  static async start(t: Test, options: Partial<BalancerOptions>, ports: readonly number[] = [0]): Promise<Holding> {
    const gate = new Int32Array(new SharedArrayBuffer(8))
    const entry = source('test/balancer/fixtures/holding.cjs')
    const workerData = { gate: gate.buffer, ports }
    // A loaded machine may not run a thread for a while: that must not change who gets what, but in
    // the tests of just that.
    const defaults = { entry, execArgv: [], workerData, stallTimeout: 0 }
    const holding = new Holding(await startBalancer({ ...defaults, ...options }), gate)
    t.teardown(async () => {
      holding.unblock()
      for (const { socket } of holding.held) socket.destroy()
      await holding.balancer.close({ timeout: 0 })
    })
    const listens = ({ listeners, workers }: BalancerStats): boolean =>
      listeners.length === ports.length && listeners.every((listener) => listener.workers.length === workers.length)
    await until('all workers listen', () => listens(holding.balancer.stats()))
    return holding
  }

  private constructor(balancer: Balancer, gate: Int32Array) {
    this.balancer = balancer
    this.gate = gate
  }

  /** The port of the first server. */
  get port(): number {
    return (this.balancer.addresses[0] as AddressInfo).port
  }

  /** By worker: open connections. */
  active(): number[] {
    return this.balancer.stats().workers.map((worker) => worker.active)
  }

  connect({ port = this.port, localAddress }: { port?: number; localAddress?: string } = {}): Held {
    const held = new Held(port, localAddress)
    this.held.add(held)
    return held
  }

  /** More connections, until so many are held; `atOnce`: fewer than the backlog has room for. */
  async fill(total: number, atOnce = 250): Promise<void> {
    while (this.held.size < total) {
      const next = Math.min(total, this.held.size + atOnce)
      while (this.held.size < next) this.connect()
      await this.until(next)
    }
  }

  /** Ends these connections, and waits until the workers have seen it. */
  async end(ending: Iterable<Held>): Promise<void> {
    for (const held of ending) {
      held.socket.destroy()
      this.held.delete(held)
    }
    await this.until(this.held.size)
  }

  async until(active: number): Promise<void> {
    await until(`${active} connections are active`, () => this.balancer.stats().connections.active === active)
  }

  /** One worker dies, with its connections. */
  async kill(): Promise<void> {
    const [victim] = this.held
    const { thread } = await victim.taken()
    for (const held of this.held) if ((await held.taken()).thread === thread) this.held.delete(held)
    victim.socket.write('exit')
    await once(victim.socket, 'close')
  }

  /** All workers, each by a connection of its own. They block until `unblock`. */
  async blockAll(port = this.port): Promise<void> {
    const { workers } = this.balancer.stats()
    const seen = new Map<number, Held>()
    await until('each worker has a connection', async () => {
      const held = this.connect({ port })
      const { thread } = await held.taken()
      if (!seen.has(thread)) seen.set(thread, held)
      return seen.size === workers.length
    })
    for (const { socket } of seen.values()) socket.write('block')
    await until('all workers are blocked', () => Atomics.load(this.gate, 1) >= workers.length)
  }

  /** The worker that has this one: it blocks until `unblock`. @returns its number */
  async block(held: Held): Promise<number> {
    const { thread } = await held.taken()
    const blocked = Atomics.load(this.gate, 1)
    held.socket.write('block')
    await until('the worker is blocked', () => Atomics.load(this.gate, 1) > blocked)
    return this.balancer.stats().workers.findIndex(({ threadId }) => threadId === thread)
  }

  unblock(): void {
    Atomics.store(this.gate, 0, 1)
    Atomics.notify(this.gate, 0)
  }
}

export function difference(counts: readonly number[]): number {
  return Math.max(...counts) - Math.min(...counts)
}
