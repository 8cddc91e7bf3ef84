import { NodeDlbError } from '../errors.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { LedgerRecovery } from '../ledger/recovery.ts'
import { loadAddon } from '../native.ts'
import type { AcceptSwitch } from './dispatch/accept-switch.ts'
import type { Admission } from './dispatch/admission.ts'
import type { Dispatch } from './dispatch/dispatch.ts'
import type { FailOver } from './dispatch/fail-over.ts'
import type { ClientTable } from './dispatch/policies/client-table.ts'
import type { CloseReport, Events } from './events.ts'
import type { LedgerGuard } from './ledger-guard.ts'
import type { Datagrams } from './listeners/datagrams.ts'
import type { ListenerTable } from './listeners/table.ts'
import type { Cuts } from './stats/cuts.ts'
import type { Sheds } from './stats/sheds.ts'
import type { Snapshots } from './stats/snapshots.ts'
import type { Drain } from './workers/drain.ts'
import type { Drains } from './workers/drains.ts'
import type { Parking } from './workers/parking.ts'
import type { RollingRestart } from './workers/rolling-restart.ts'
import type { StallDetector } from './workers/stall-detector.ts'
import type { StartWatches } from './workers/start-watches.ts'
import type { Supervisor } from './workers/supervisor.ts'
import type { Workers } from './workers/workers.ts'

export interface ClosingParts {
  readonly ledger: Ledger
  readonly recovery: LedgerRecovery
  readonly guard: LedgerGuard
  readonly clients: ClientTable
  readonly dispatch: Dispatch
  readonly failOver: FailOver
  readonly acceptSwitch: AcceptSwitch
  readonly admission: Admission | null
  readonly table: ListenerTable
  readonly datagrams: Datagrams
  readonly workers: Workers
  readonly supervisor: Supervisor
  readonly starts: StartWatches
  readonly rolling: RollingRestart
  readonly drains: Drains
  readonly stalls: StallDetector | null
  readonly parking: Parking | null
  readonly sheds: Sheds
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
   * Stops accepting, lets what was accepted finish, ends the workers, and gives everything back.
   * Called again, it can only bring the deadline forward, and gives the same promise.
   */
  close(signal: NodeJS.Signals, timeout: number): Promise<CloseReport> {
    const { drains, workers } = this.#parts
    if (this.#closed === null) this.#closed = this.#close(drains.create(workers, signal, timeout))
    else drains.hurry(timeout)
    return this.#closed
  }

  async #close(drain: Drain): Promise<CloseReport> {
    const { ledger, supervisor, drains, snapshots, events } = this.#parts
    this.#stopBeginning(drain)
    // What is still in the device is served first.
    const cutOpen = await drains.run(drain, () => ledger.nothingWaits)
    this.#stopWatching()
    const cut = cutOpen + this.#refuseRest()
    const stats = snapshots.keepLast()
    await this.#giveBack()
    const report = { cut, exitCode: supervisor.exitCode, stats }
    events.emit('close', report)
    return report
  }

  /** From here on nothing new begins: no change of the workers, no connection, no successor. */
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
   * All threads have ended: nobody stalls, is parked or sheds any more, and no device is missed.
   */
  #stopWatching(): void {
    const { stalls, parking, sheds, clients, failOver } = this.#parts
    stalls?.stop()
    parking?.stop()
    sheds.close()
    clients.close()
    failOver.stop()
  }

  /**
   * Refuses what nobody will adopt.
   * @returns how many connections were cut by that: those that waited for a server, and not those
   *   whose server the app had closed before
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
   * All connections are served by now, and the caller can do nothing about a device that fails to
   * close.
   */
  async #giveBack(): Promise<void> {
    const { datagrams, dispatch } = this.#parts
    datagrams.close()
    try {
      dispatch.domain.close()
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      process.emitWarning(`the device was not closed properly: ${error.message}`, 'NodeDlbWarning')
      // Node prints the warning on the next tick. The caller may end the process right after the
      // close.
      await new Promise<void>((resolve) => process.nextTick(resolve))
    }
  }
}
