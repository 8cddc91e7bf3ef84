/** So many are remembered for each host; what is older is forgotten. */
const MOST = 2048
const RECENT_MS = 5000

export interface ChosenPort {
  readonly port: number
  /** Some worker got it a moment ago. */
  readonly isRecent: boolean
}

/**
 * The ports that the kernel chose for `listen(0)`, so that all workers get the same ones: the first
 * that asks gets a new port, the others the same, one after the other, also once it is closed
 * again. Else apps that find a free port by such a `listen`, close it, and listen there, would end
 * up on as many ports as there are workers.
 */
export class ChosenPorts {
  /** By host: when each port was taken last; the oldest port comes first. */
  readonly #ports = new Map<string, Map<number, number>>()
  /** By worker and host: those that its thread has had. */
  readonly #had = new Map<number, Map<string, Set<number>>>()

  /** Its thread has ended: its successor begins anew. */
  forget(worker: number): void {
    this.#had.delete(worker)
  }

  /** What the worker has not had yet, the oldest first. */
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
