import { NodeDlbError } from '../errors.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { LedgerRecovery } from '../ledger/recovery.ts'
import { loadAddon } from '../native.ts'
import type { AcceptSwitch } from './dispatch/accept-switch.ts'
import type { Admission } from './dispatch/admission.ts'
import type { Dispatch } from './dispatch/dispatch.ts'
import type { CloseReport, Events } from './events.ts'
import type { LedgerGuard } from './ledger-guard.ts'
import type { Datagrams } from './listeners/datagrams.ts'
import type { ListenerTable } from './listeners/table.ts'
import type { Cuts } from './stats/cuts.ts'
import type { Snapshots } from './stats/snapshots.ts'
import type { Drain } from './workers/drain.ts'
import type { Drains } from './workers/drains.ts'
import type { RollingRestart } from './workers/rolling-restart.ts'
import type { StartWatches } from './workers/start-watches.ts'
import type { Supervisor } from './workers/supervisor.ts'
import type { Workers } from './workers/workers.ts'

/** Is stopped once all threads have ended. */
export interface Watch {
  stop(): void
}

export interface ClosingParts {
  readonly ledger: Ledger
  readonly recovery: LedgerRecovery
  readonly guard: LedgerGuard
  readonly dispatch: Dispatch
  readonly acceptSwitch: AcceptSwitch
  readonly admission: Admission | null
  readonly table: ListenerTable
  readonly datagrams: Datagrams
  readonly workers: Workers
  readonly supervisor: Supervisor
  readonly starts: StartWatches
  readonly rolling: RollingRestart
  readonly drains: Drains
  /** What watches the threads, the device and the connections while the balancer runs. */
  readonly watches: readonly Watch[]
  readonly cuts: Cuts
  readonly snapshots: Snapshots
  readonly events: Events
}

/** Ends the balancer, once. Main thread. */
export class Closing {
  readonly #parts: ClosingParts
  #closed: Promise<CloseReport> | null = null

  constructor(parts: ClosingParts) {
    this.#parts = parts
  }

  /**
   * Stops accepting, lets accepted connections finish, ends the workers, and releases all
   * resources. Further calls return the same promise, and can only move the deadline forward.
   */
  close(signal: NodeJS.Signals, timeout: number): Promise<CloseReport> {
    const { drains } = this.#parts
    if (this.#closed === null) return this.#begin(signal, timeout)
    drains.hurry(timeout)
    return this.#closed
  }

  /**
   * Event listeners that run before this returns may call `close` again, so the promise is first.
   */
  #begin(signal: NodeJS.Signals, timeout: number): Promise<CloseReport> {
    const { drains, workers } = this.#parts
    let resolve: (report: Promise<CloseReport>) => void = () => undefined
    const closed = new Promise<CloseReport>((resolveIt) => {
      resolve = resolveIt
    })
    this.#closed = closed
    resolve(this.#close(drains.create(workers, signal, timeout)))
    return closed
  }

  async #close(drain: Drain): Promise<CloseReport> {
    const { ledger, supervisor, drains, snapshots, events } = this.#parts
    this.#stopBeginning(drain)
    // Connections that are still in the device are served first.
    const cutOpen = await drains.run(drain, () => ledger.nothingWaits)
    for (const watch of this.#parts.watches) watch.stop()
    const cut = cutOpen + this.#refuseRest()
    const stats = snapshots.keepLast()
    await this.#giveBack()
    const report = { cut, exitCode: supervisor.exitCode, stats }
    events.emit('close', report)
    return report
  }

  /** Stops whatever begins new things: changes of the workers, accepting, and respawning. */
  #stopBeginning(drain: Drain): void {
    const { snapshots, rolling, acceptSwitch, starts, admission, table, supervisor } = this.#parts
    snapshots.close()
    rolling.stop()
    acceptSwitch.close()
    starts.failAll(new NodeDlbError('ERR_DLB_CLOSED', 'the balancer was closed before all workers listened'))
    admission?.lift()
    table.stopListening(!drain.isOver)
    supervisor.stopRespawning()
  }

  /**
   * Refuses the connections that nobody will adopt.
   * @returns how many of them count as cut: those that waited for a server that still listened
   */
  #refuseRest(): number {
    const { dispatch, recovery, guard, table, cuts } = this.#parts
    dispatch.dealer.stop()
    const rest = recovery.refuseAll()
    for (const { fd } of rest) loadAddon().resetFd(fd)
    guard.release()
    const cut = rest.filter(({ listener }) => table.get(listener) !== undefined).length
    cuts.countWaiting(cut)
    return cut
  }

  /**
   * Closes the domain. A failure is a warning only, because all connections are served by now, and
   * the caller can do nothing about it.
   */
  async #giveBack(): Promise<void> {
    const { datagrams, dispatch } = this.#parts
    datagrams.close()
    try {
      dispatch.domain.close()
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      process.emitWarning(`the device was not closed properly: ${error.message}`, 'NodeDlbWarning')
      // Node prints the warning on the next tick, and the caller may end the process right after
      // the close.
      await new Promise<void>((resolve) => process.nextTick(resolve))
    }
  }
}
