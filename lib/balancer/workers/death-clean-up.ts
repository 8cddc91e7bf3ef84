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
 * Clears up after a worker whose thread has ended: what it had adopted is closed, and what it was
 * dealt goes to the others. Main thread.
 */
export class DeathCleanUp {
  readonly #parts: DeathCleanUpParts

  constructor(parts: DeathCleanUpParts) {
    this.#parts = parts
  }

  /**
   * The order matters.
   * @returns whether the worker is needed again
   */
  after(worker: number, exit: WorkerExit): boolean {
    const { workers, table, datagrams, dispatch, ledger, recovery, links } = this.#parts
    const { threadTimes, eligibility, appSignals, starts } = this.#parts
    const isFinished = workers.places[worker].retiring || (exit.code === 0 && exit.byItself)
    // First of all the worker leaves its listeners, so that nothing of what follows is dealt to it.
    if (isFinished) table.workerFinished(worker)
    else table.workerDied(worker)
    datagrams.ended(worker, !isFinished)
    // What its ports held is dealt again. That empties the ports for the next thread.
    dispatch.dealer.recover(dispatch.domain.recoverFrom(worker))
    // The thread's open connections count no more: the others share what they took of the limit.
    ledger.counters.setLoad(worker, 0, 0)
    links.shareInFlightLimit()
    // Before `takeOwnedBy`: a connection that the worker has accepted for itself is found in one
    // place only, in what is pending or, once it is entered, in the ledger. And a number that is
    // pending with any worker is no orphan.
    this.#takePending(worker)
    // After `recoverFrom`. What was addressed to the worker, and its ports hold no more, the thread
    // had received and not adopted.
    dispatch.dealer.deal(recovery.takeSentTo(worker))
    this.#closeOwned(worker)
    // Once nothing is on its way to the worker any more: its load is 0 from here on.
    dispatch.domain.policies.ended(worker)
    threadTimes.ended(worker)
    // What held the worker was the thread's. The next one begins without it.
    eligibility.forget(worker)
    appSignals.ended(worker, !isFinished)
    // Last: a start that fails has the balancer close.
    return starts.ended(worker, exit, isFinished)
  }

  /** Takes over what the worker had accepted while workers accept, and may not have sent. */
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
   * Node has closed what the worker had adopted, but for connections that the thread was just
   * taking when it ended. If Node had a handle on one of these, the number may be another
   * connection's by now.
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
