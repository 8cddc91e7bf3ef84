import { NodeDlbError } from '../../errors.ts'
import type { LedgerRecovery } from '../../ledger/recovery.ts'
import type { Closable, Events } from '../events.ts'
import type { ListenerTable } from '../listeners/table.ts'
import type { Eligibility } from '../workers/eligibility.ts'
import type { StartWatches } from '../workers/start-watches.ts'
import type { WorkerLinks } from '../workers/worker-links.ts'
import type { Workers } from '../workers/workers.ts'
import type { ConnectionDomain } from './connection-domain.ts'
import type { DeviceFailures, Dispatch } from './dispatch.ts'

export interface FailOverParts {
  readonly dispatch: Dispatch
  readonly recovery: LedgerRecovery
  readonly table: ListenerTable
  readonly acceptSwitch: Accepting
  readonly eligibility: Eligibility
  readonly workers: Workers
  readonly links: WorkerLinks
  readonly starts: StartWatches
  readonly events: Events
  readonly balancer: Closable
}

/** Decides which threads accept. */
interface Accepting {
  /** Workers accept no more. */
  end(): void
  /** Nobody accepts, or somebody does again. */
  setBlocked(blocked: boolean): void
}

/**
 * Puts another domain into the place of one whose device has failed.
 *
 * The failure does not touch what was adopted. What was not adopted is still open, and the ledger
 * knows all of it: it is dealt again, through the new domain. A worker that has received some of it
 * and has not adopted it finds it stale.
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
   * From here on, a failure changes nothing: the balancer has closed, or closes without a device.
   */
  stop(): void {
    this.#over = true
  }

  /** The device in use has failed. */
  deviceFailed(failure: NodeDlbError): void {
    if (this.#over) return
    const { dispatch, recovery, acceptSwitch, table, links } = this.#parts
    // A worker that accepted would still send to the failed device.
    acceptSwitch.end()
    const waiting = dispatch.dealer.stop()
    closeQuietly(dispatch.domain)
    // From here on, the failed device's events are stale, wherever they are.
    const stranded = [...waiting, ...recovery.takeInDevice()]
    try {
      dispatch.fallBack(failure)
    } catch (cause) {
      dispatch.dealer.refuse(stranded)
      this.#giveUp(cause as NodeDlbError)
      return
    }
    // Before anything is dealt: the new domain knows nothing of who is held, ...
    this.#holdBack()
    // ... the listeners get their queues from it, ...
    table.connect(dispatch.domain)
    // ... the old dealer may have waited for credits, ...
    acceptSwitch.setBlocked(false)
    // ... and the workers attach to it.
    links.switchAll()
    dispatch.dealer.deal(stranded)
    this.tell()
  }

  /** Tells that the device in use is a fallback. */
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

  /** Nothing takes the device's place: the balancer closes, or does not start. */
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

/** A device that has failed may fail to close, too. */
function closeQuietly(domain: ConnectionDomain): void {
  try {
    domain.close()
  } catch {
    // The failure for which it is closed is told.
  }
}
