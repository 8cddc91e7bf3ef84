import type { DirectedCounts } from '../../../ledger/counts.ts'
import { Affinity, type Clients } from './affinity.ts'
import { Exact, RoundRobin } from './directed.ts'
import { LeastConnections, Unordered } from './load-balanced.ts'
import type { PolicyName } from './names.ts'
import type { Policy } from './policy.ts'
import { WorkerLoads } from './worker-loads.ts'

export type { Policy, PolicyListener } from './policy.ts'

/** What the policies need from the balancer. */
export interface PolicyHost extends Clients {
  directed(worker: number): DirectedCounts
}

/**
 * Each worker accepts for itself. Connections that main still has to deal, such as those of a
 * device that has failed, are dealt in turn.
 */
class Nop extends RoundRobin {
  override readonly name: Policy['name'] = 'nop'
}

const policies = {
  unordered: () => new Unordered(),
  'least-connections': () => new LeastConnections(),
  exact: (loads: WorkerLoads) => new Exact(loads),
  'round-robin': (loads: WorkerLoads) => new RoundRobin(loads),
  affinity: (loads: WorkerLoads, host: PolicyHost) => new Affinity(loads, host),
  nop: (loads: WorkerLoads) => new Nop(loads),
} as const satisfies Record<PolicyName, unknown>

/** The policies of a balancer's listeners; one object for each. */
export class Policies {
  /** The policy of listeners whose load-balanced policy has no queue for them: see QueuePool. */
  readonly inTurn: Policy
  readonly #policies = new Map<PolicyName, Policy>()
  readonly #loads: WorkerLoads

  constructor(names: Iterable<PolicyName>, workers: number, host: PolicyHost) {
    this.#loads = new WorkerLoads(workers, (worker) => host.directed(worker))
    this.inTurn = new RoundRobin(this.#loads)
    for (const name of names) this.#policies.set(name, policies[name](this.#loads, host))
  }

  /** Returns one of the policies that were passed to the constructor. */
  get(name: PolicyName): Policy {
    return this.#policies.get(name) as Policy
  }

  names(): PolicyName[] {
    return [...this.#policies.keys()]
  }

  /**
   * Called when the worker's thread has ended, and the connections on their way to it were taken
   * back.
   */
  ended(worker: number): void {
    this.#loads.ended(worker)
  }
}
