import type { Ledger } from '../../ledger/ledger.ts'
import type { LedgerRecovery } from '../../ledger/recovery.ts'
import { loadAddon } from '../../native.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import type { Datagrams } from '../listeners/datagrams.ts'
import type { ListenerTable } from '../listeners/table.ts'
import type { AppSignals } from './app-signals.ts'
import type { Eligibility } from './eligibility.ts'
import type { StartWatches } from './start-watches.ts'
import type { ThreadTimes } from './thread-times.ts'
import type { WorkerLinks } from './worker-links.ts'
import type { WorkerExit } from './worker-thread.ts'
import type { Workers } from './workers.ts'

export interface DeathCleanUpParts {
  readonly workers: Workers
  readonly table: ListenerTable
  readonly datagrams: Datagrams
  readonly dispatch: Dispatch
  readonly ledger: Ledger
  readonly recovery: LedgerRecovery
  readonly links: WorkerLinks
  readonly threadTimes: ThreadTimes
  readonly eligibility: Eligibility
  readonly appSignals: AppSignals
  readonly starts: StartWatches
}

/**
 * Clears up after a worker whose thread has ended: it closes the connections that the worker had
 * adopted, and deals the ones that the worker had not adopted to other workers. Main thread.
 */
export class DeathCleanUp {
  readonly #parts: DeathCleanUpParts

  constructor(parts: DeathCleanUpParts) {
    this.#parts = parts
  }

  /**
   * Does all the steps, in an order that matters.
   * @returns whether the worker is needed again
   */
  after(worker: number, exit: WorkerExit): boolean {
    const { workers, table, datagrams, dispatch, ledger, recovery, links } = this.#parts
    const { threadTimes, eligibility, appSignals, starts } = this.#parts
    const isFinished = workers.places[worker].retiring || (exit.code === 0 && exit.byItself)
    // First the worker leaves its listeners, so that nothing of what follows is dealt to it.
    if (isFinished) table.workerFinished(worker)
    else table.workerDied(worker)
    datagrams.ended(worker, !isFinished)
    // The connections in its ports are dealt again. This empties the ports for the next thread.
    dispatch.dealer.recover(dispatch.domain.recoverFrom(worker))
    // The thread's open connections no longer count: the other workers share the part of the limit
    // that they used.
    ledger.counters.setLoad(worker, 0, 0)
    links.shareInFlightLimit()
    // This comes before `takeOwnedBy`, for two reasons. `takeOwnedBy` frees the worker's entries,
    // which show whether a pending connection is entered as the worker's own. And a descriptor that
    // is pending with any worker is no orphan.
    this.#takePending(worker)
    // This comes after `recoverFrom`. The thread had received, and not adopted, what the ledger
    // shows as sent to the worker and what its ports no longer have.
    dispatch.dealer.deal(recovery.takeSentTo(worker))
    this.#closeOwned(worker)
    // From here on nothing is on its way to the worker, so its load is 0.
    dispatch.domain.policies.ended(worker)
    threadTimes.ended(worker)
    // The reasons that held the worker were the thread's. The next thread begins without them.
    eligibility.forget(worker)
    appSignals.ended(worker, !isFinished)
    // This comes last, because a start that fails closes the balancer.
    return starts.ended(worker, exit, isFinished)
  }

  /**
   * Takes over the connections that are pending with the worker: it had accepted them, and may not
   * have sent them.
   */
  #takePending(worker: number): void {
    const { dispatch, recovery, table } = this.#parts
    const { connections, fds } = recovery.takePending(worker)
    dispatch.dealer.deal(connections)
    for (const fd of fds) {
      const listener = table.listenerOf(fd)
      if (listener !== undefined) dispatch.dealer.accept(listener, Int32Array.of(fd), 1)
      else this.#shed(fd)
    }
  }

  /**
   * Closes what is left of the connections that the worker owned. Node has closed all that had a
   * handle. The others are connections that the thread was adopting when it ended. If Node had a
   * handle on one of these, its number may be another connection's by now.
   */
  #closeOwned(worker: number): void {
    const { recovery, table } = this.#parts
    for (const fd of recovery.takeOwnedBy(worker)) {
      if (recovery.isOrphan(fd) && table.listenerOf(fd) !== undefined) loadAddon().resetFd(fd)
    }
  }

  /** Closes a connection whose listener is closed. */
  #shed(fd: number): void {
    this.#parts.ledger.counters.countShed(1)
    loadAddon().resetFd(fd)
  }
}
