import type { Port } from '../../device/device.ts'
import { type EventBuffer, SchedulingType } from '../../device/event-buffer.ts'
import { NodeDlbError } from '../../errors.ts'
import { type Ledger, NO_STAMP, nowInMicroseconds } from '../../ledger/ledger.ts'
import { loadAddon } from '../../native.ts'
import type { AcceptSink, QueuedListener } from './acceptor.ts'
import type { Adopter } from './adopter.ts'

export interface DeviceSinkOptions {
  readonly ledger: Ledger
  readonly worker: number
  /** The worker's port of load-balanced queues. */
  readonly port: Port
  /** A buffer with an event for each word of the pending list. */
  readonly events: EventBuffer
  /** Gives back to main the connections that the device does not take. */
  readonly adopter: Pick<Adopter, 'giveBack'>
  /** Called when the port does not work any more. */
  readonly onFailure: (error: NodeDlbError) => void
  readonly debug: ((line: string) => void) | null
}

/** Sends what this worker accepts to the device, which chooses the worker that gets it. */
export class DeviceSink implements AcceptSink<QueuedListener> {
  readonly #options: DeviceSinkOptions
  readonly #pending: Int32Array

  constructor(options: DeviceSinkOptions) {
    this.#options = options
    this.#pending = options.ledger.acceptMode.pendingOf(options.worker)
  }

  /** @returns whether the device has taken all connections */
  take({ listener, queue, priority }: QueuedListener, accepted: number): boolean {
    const { ledger, worker, events, adopter } = this.#options
    const pending = this.#pending
    const now = nowInMicroseconds()
    ledger.counters.beginPending(worker)
    let count = 0
    for (let i = 0; i < accepted; i++) {
      const fd = ~pending[i]
      const stamp = ledger.enterPending(worker, fd, now, listener)
      if (stamp === NO_STAMP) {
        pending[i] = 0
        loadAddon().closeFd(fd)
        continue
      }
      pending[i] = fd + 1
      events.setData64(count, fd, stamp)
      events.setData16(count, listener)
      events.setTarget(count, queue.id, SchedulingType.unordered, priority)
      count++
    }
    const sent = this.#send(count)
    for (let i = sent; i < count; i++) {
      adopter.giveBack({ listener, fd: events.data64Low(i), stamp: events.data64High(i) })
    }
    ledger.counters.endPending(worker)
    pending.fill(0, 0, accepted)
    return sent === count
  }

  #send(count: number): number {
    const { port, events, onFailure, debug } = this.#options
    try {
      const sent = port.send(events, count)
      if (debug) for (let i = 0; i < sent; i++) debug(`dlb send fd ${events.data64Low(i)}`)
      return sent
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      onFailure(error)
      return 0
    }
  }
}
