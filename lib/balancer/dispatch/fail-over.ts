import { NodeDlbError } from '../../errors.ts'
import type { LedgerRecovery } from '../../ledger/recovery.ts'
import type { Closable, Events } from '../events.ts'
import type { ListenerTable } from '../listeners/table.ts'
import type { Eligibility } from '../workers/eligibility.ts'
import type { StartWatches } from '../workers/start-watches.ts'
import type { WorkerLinks } from '../workers/worker-links.ts'
import type { Workers } from '../workers/workers.ts'
import type { AcceptSwitch } from './accept-switch.ts'
import type { ConnectionDomain } from './connection-domain.ts'
import type { DeviceFailures, Dispatch } from './dispatch.ts'

export interface FailOverParts {
  readonly dispatch: Dispatch
  readonly recovery: LedgerRecovery
  readonly table: ListenerTable
  readonly acceptSwitch: Pick<AcceptSwitch, 'acceptInMain' | 'setBlocked'>
  readonly eligibility: Eligibility
  readonly workers: Workers
  readonly links: WorkerLinks
  readonly starts: StartWatches
  readonly events: Events
  readonly balancer: Closable
}

/**
 * Replaces the domain when its device has failed.
 *
 * The failure does not affect adopted connections. Those that were not adopted are still open, and
 * the ledger knows all of them: they are dealt again, through the new domain. A worker may have
 * received an event of such a connection from the failed device. Whichever event is adopted first
 * has the connection, and the other one is stale.
 *
 * Main thread.
 */
export class FailOver implements DeviceFailures {
  readonly #parts: FailOverParts
  #over = false

  constructor(parts: FailOverParts) {
    this.#parts = parts
  }

  /**
   * Makes further failures have no effect, because the balancer has closed, or closes without a
   * device.
   */
  stop(): void {
    this.#over = true
  }

  /** Called when the device in use has failed. */
  deviceFailed(failure: NodeDlbError): void {
    if (this.#over) return
    const { dispatch, recovery, acceptSwitch, table, links } = this.#parts
    // A worker that accepted would still send to the failed device.
    acceptSwitch.acceptInMain()
    const waiting = dispatch.dealer.stop()
    closeQuietly(dispatch.domain)
    // Until these are dealt again, all events of the failed device are stale.
    const stranded = [...waiting, ...recovery.takeInDevice()]
    try {
      dispatch.fallBack(failure)
    } catch (cause) {
      dispatch.dealer.refuse(stranded)
      this.#giveUp(cause as NodeDlbError)
      return
    }
    // These steps come before anything is dealt. The new domain does not know which workers are
    // held, ...
    this.#holdBack()
    // ... the listeners have to get their queues from it, ...
    table.connect(dispatch.domain)
    // ... the old dealer may have waited for credits, ...
    acceptSwitch.setBlocked(false)
    // ... and the workers have to attach to it.
    links.switchAll()
    dispatch.dealer.deal(stranded)
    this.tell()
  }

  /** Reports that the device in use is a fallback. */
  tell(): void {
    const { dispatch, events } = this.#parts
    const { device } = dispatch.domain
    if (events.emit('fallback', device)) return
    process.emitWarning(`${device.kind === 'none' ? 'no' : device.kind} device, ${device.reason}`, 'NodeDlbWarning')
  }

  #holdBack(): void {
    const { dispatch, eligibility, workers } = this.#parts
    for (const { index } of workers.places) {
      if (!eligibility.isEligible(index)) dispatch.domain.setEligible(index, false)
    }
  }

  /** Called when nothing replaces the device: the balancer closes, or does not start. */
  #giveUp(cause: NodeDlbError): void {
    const { table, starts, events, balancer } = this.#parts
    this.stop()
    table.stopListening(false)
    const error = new NodeDlbError('ERR_DLB_DEVICE_FAILED', `the device has failed: ${cause.message}`, { cause })
    if (starts.first.over) {
      void balancer.close()
      events.emit('error', error)
    } else {
      starts.first.fail(error)
    }
  }
}

/** Closes a domain whose device has failed, and which may therefore fail to close. */
function closeQuietly(domain: ConnectionDomain): void {
  try {
    domain.close()
  } catch {
    // The failure for which it is closed has been reported.
  }
}
