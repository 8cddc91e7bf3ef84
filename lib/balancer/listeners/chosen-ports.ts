/** The most ports that are remembered for a host. Beyond that, the oldest is forgotten. */
const MOST = 2048
const RECENT_MS = 5000

export interface ChosenPort {
  readonly port: number
  /** Whether a worker got the port within the last 5 s. */
  readonly isRecent: boolean
}

/**
 * The ports that the kernel chose for `listen(0)`. They make all workers get the same ports: the
 * first worker that asks gets a new port, and the others get the same one in turn, even after it is
 * closed. Without this, an app that finds a free port by `listen(0)`, closes the server, and
 * listens on that port would end up on a different port in each worker.
 */
export class ChosenPorts {
  /** When each port was taken last, by host. The oldest port comes first. */
  readonly #ports = new Map<string, Map<number, number>>()
  /** The ports that each worker's thread has had, by worker and host. */
  readonly #had = new Map<number, Map<string, Set<number>>>()

  /** The worker's thread has ended. Its successor begins without ports. */
  forget(worker: number): void {
    this.#had.delete(worker)
  }

  /** The ports that the worker has not had yet, the oldest first. */
  *of(worker: number, host: string): Iterable<ChosenPort> {
    const had = this.#had.get(worker)?.get(host)
    for (const [port, takenAt] of this.#ports.get(host) ?? []) {
      if (!had?.has(port)) yield { port, isRecent: performance.now() - takenAt < RECENT_MS }
    }
  }

  took(worker: number, host: string, port: number): void {
    const ports = this.#ports.get(host) ?? new Map<number, number>()
    this.#ports.set(host, ports.set(port, performance.now()))
    const byHost = this.#had.get(worker) ?? new Map<string, Set<number>>()
    this.#had.set(worker, byHost.set(host, (byHost.get(host) ?? new Set<number>()).add(port)))
    if (ports.size > MOST) this.#forgetOldest(host, ports)
  }

  #forgetOldest(host: string, ports: Map<number, number>): void {
    const [oldest] = ports.keys()
    ports.delete(oldest)
    for (const byHost of this.#had.values()) byHost.get(host)?.delete(oldest)
  }
}
