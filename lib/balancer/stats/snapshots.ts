import type { Ledger } from '../../ledger/ledger.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import type { ListenerTable } from '../listeners/table.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { Eligibility } from '../workers/eligibility.ts'
import type { StallDetector } from '../workers/stall-detector.ts'
import type { StartWatches } from '../workers/start-watches.ts'
import type { Workers } from '../workers/workers.ts'
import type { Cuts } from './cuts.ts'
import { type Health, takeHealth } from './health.ts'
import { type BalancerStats, takeStats } from './stats.ts'

export interface SnapshotParts {
  readonly options: Pick<ResolvedOptions, 'policy'>
  readonly ledger: Ledger
  readonly dispatch: Dispatch
  readonly table: ListenerTable
  readonly workers: Workers
  readonly starts: StartWatches
  readonly eligibility: Eligibility
  readonly stalls: StallDetector | null
  readonly cuts: Cuts
}

/** Takes the balancer's health and figures, and keeps the last ones. Main thread. */
export class Snapshots {
  readonly #parts: SnapshotParts
  #isClosing = false
  #last: BalancerStats | null = null

  constructor(parts: SnapshotParts) {
    this.#parts = parts
  }

  health(): Health {
    const { workers, table, dispatch, starts } = this.#parts
    const { device } = dispatch.domain
    return takeHealth({ workers, table, device, starting: !starts.first.over, closing: this.#isClosing })
  }

  stats(): BalancerStats {
    if (this.#last) return this.#last
    const { options, ledger, dispatch, table, workers, eligibility, stalls, cuts } = this.#parts
    const { domain, dealer } = dispatch
    return takeStats({
      domain,
      policy: options.policy,
      ledger,
      table,
      workers,
      eligibility,
      cuts,
      waiting: dealer.waiting,
      takenBack: stalls?.takenBack ?? 0,
      health: this.health(),
    })
  }

  close(): void {
    this.#isClosing = true
  }

  /** Takes the last figures, which `stats` returns from now on. */
  keepLast(): BalancerStats {
    this.#last = this.stats()
    return this.#last
  }
}
