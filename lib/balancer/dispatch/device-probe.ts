import type { QueueId } from '../../device/device.ts'
import type { DlbPort } from '../../device/dlb/types.ts'
import { type EventBuffer, SchedulingType } from '../../device/event-buffer.ts'
import { NodeDlbError } from '../../errors.ts'

/**
 * The number of checks for the probe after the start, 1 ms apart. A probe normally comes back
 * within some µs.
 */
const START_CHECKS = 1000
/** Milliseconds between checks of whether connections make progress. */
const PERIOD_MS = 500
/** The number of checks in a row without progress before a probe is sent. */
const CHECKS_BEFORE = 2
/** The number of further checks before a probe that has not come back tells of a failed device. */
const CHECKS_FOR_PROBE = 6
/** The value that a probe has where other events have a connection's fd. */
const NO_FD = -1

/** The progress of connections, as the ledger's counters show it. */
export interface Progress {
  /** Connections that were accepted and not adopted. */
  readonly inFlight: number
  /**
   * Connections that were adopted since the start. It is constant where workers also adopt
   * connections that do not go through the device, because then it says nothing of the device.
   */
  readonly adopted: number
}

/** The domain whose device is probed. */
export interface ProbedDomain {
  readonly progress: Progress
  /** Receives the events that have come to main's port, and passes each of them to `take`. */
  receive(): void
  failed(error: NodeDlbError): void
}

export interface DeviceProbeOptions {
  readonly domain: ProbedDomain
  /** Main's port. */
  readonly port: DlbPort
  /**
   * The queue for probes: nothing else is sent to it. If it is a load-balanced queue, it is linked
   * to main's port alone, from the start on.
   */
  readonly queue: QueueId
  /** A buffer for one event. */
  readonly events: EventBuffer
}

/**
 * Finds out whether a DLB device schedules, by an event that main sends to itself. libdlb returns 0
 * for a start that the driver has refused, and a device that stops reports nothing, so that the
 * connections in it would wait for ever.
 *
 * A probe is sent after the start. Later, one is sent when a connection has waited for a second and
 * no worker has adopted any, which may also mean that all workers are blocked. Only the device
 * handles a probe. It needs no worker and depends on no bound that may be used up: its queue, if it
 * is load-balanced, is linked to main's port alone, which has room; and it is sent beyond the
 * domain's credits. So it comes back at once if the device works, whatever the workers do.
 *
 * The device is reported as failed only after this thread has read its own consumer queue six
 * times, half a second apart, and no worker has adopted a connection in all that time. While the
 * thread does not run, because the machine is busy or the process was stopped, there are no checks,
 * and the device is not reported.
 *
 * Main thread. It costs two reads of the ledger's counters a second, and nothing per connection.
 */
export class DeviceProbe {
  readonly #options: DeviceProbeOptions
  #timer: NodeJS.Timeout | null = null
  /** Whether a probe is on its way. */
  #isOut = false
  /** The number of connections that the workers had adopted at the last check. */
  #adopted = 0
  /** The number of checks in a row without progress. */
  #stuck = 0
  /** The number of these at which a probe was on its way. */
  #waited = 0

  constructor(options: DeviceProbeOptions) {
    this.#options = options
  }

  /**
   * Sends a probe right after the start, before any other event is sent, and waits for it. It
   * blocks, for some µs if the device works.
   * @throws ERR_DLB_DEVICE_FAILED
   */
  checkStart(): void {
    const { port, queue, domain } = this.#options
    if (queue.kind === 'load-balanced') port.link(queue)
    const pause = new Int32Array(new SharedArrayBuffer(4))
    let isSent = false
    for (let i = 0; i < START_CHECKS; i++) {
      isSent ||= this.#send()
      domain.receive()
      if (isSent && !this.#isOut) return
      Atomics.wait(pause, 0, 0, 1)
    }
    throw failed(`an event that was sent after the start has not come back within ${START_CHECKS} ms`)
  }

  /** Checks every half second from now on. */
  watch(): void {
    this.#timer = setInterval(() => this.check(), PERIOD_MS)
    // The workers keep the loop alive.
    this.#timer.unref()
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  /**
   * Tells the probe of event `i`, which main's port has received.
   * @returns whether the event was a probe, which is then finished
   */
  take(events: EventBuffer, i: number): boolean {
    // A probe that nobody waits for is like any event without a connection: the ledger counts it as
    // stale.
    if (!this.#isOut || events.data64Low(i) !== NO_FD) return false
    this.#isOut = false
    this.#waited = 0
    return true
  }

  /** Checks whether connections make progress, and whether the probe has come back. */
  check(): void {
    try {
      this.#check()
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      this.#options.domain.failed(error)
    }
  }

  /**
   * @throws what calls of the device throw; ERR_DLB_DEVICE_FAILED for a probe that does not come
   *   back
   */
  #check(): void {
    const { domain } = this.#options
    const before = this.#adopted
    this.#adopted = domain.progress.adopted
    if (domain.progress.inFlight === 0 || this.#adopted !== before) {
      // No connection waits, or the device works. If a probe was lost nevertheless, the next doubt
      // sends another.
      this.#isOut = false
      this.#stuck = 0
      this.#waited = 0
      return
    }
    domain.receive()
    this.#stuck++
    if (this.#isOut) this.#waited++
    if (this.#waited >= CHECKS_FOR_PROBE) {
      throw failed(`an event that was sent ${(CHECKS_FOR_PROBE * PERIOD_MS) / 1000} s ago has not come back`)
    }
    if (!this.#isOut && this.#stuck >= CHECKS_BEFORE) this.#send()
  }

  /** @returns false if libdlb has no credits left at the moment */
  #send(): boolean {
    const { port, queue, events } = this.#options
    const type = queue.kind === 'load-balanced' ? SchedulingType.unordered : SchedulingType.directed
    events.setData64(0, NO_FD, 0)
    events.setTarget(0, queue.id, type, 0)
    this.#isOut = true
    if (port.sendBeyondCredits(events, 1) === 0) this.#isOut = false
    return this.#isOut
  }
}

function failed(why: string): NodeDlbError {
  return new NodeDlbError('ERR_DLB_DEVICE_FAILED', `the device schedules nothing: ${why}`)
}
