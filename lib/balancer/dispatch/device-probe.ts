import type { QueueId } from '../../device/device.ts'
import type { DlbPort } from '../../device/dlb/types.ts'
import { type EventBuffer, SchedulingType } from '../../device/event-buffer.ts'
import { NodeDlbError } from '../../errors.ts'

/** Looks for the probe after the start, 1 ms apart: it comes back within some µs. */
const START_LOOKS = 1000
/** ms between looks whether the workers get on. */
const LOOK = 500
/** So many looks in a row at which they have not, before a probe is sent. */
const LOOKS_BEFORE = 2
/** So many more, before a probe that has not come back says that the device has failed. */
const LOOKS_FOR_PROBE = 6
/** In the place of a connection's. */
const NO_FD = -1

/** How the connections get on. The ledger has it. */
export interface Progress {
  /** Connections that were accepted and not adopted. */
  readonly inFlight: number
  /** Connections that were adopted since the start. */
  readonly adopted: number
}

export interface DeviceProbeOptions {
  /** Main's. */
  readonly port: DlbPort
  /**
   * Nothing else is sent to it. A load-balanced one is linked to no other port, and to this one
   * from the start on.
   */
  readonly queue: QueueId
  readonly events: EventBuffer
  /** Receives what has come to the port, and tells `take` of each event. */
  readonly receive: () => void
  /**
   * Of the listeners whose connections go through the device; where others adopt some as well,
   * `adopted` says nothing, and is constant.
   */
  readonly flow: Progress
  readonly onFailure: (error: NodeDlbError) => void
}

/**
 * Finds out whether a DLB device schedules, by an event that main sends to itself. libdlb returns 0
 * for a start that the driver has refused, and a device that stops says nothing: the connections
 * that are in it would wait for ever.
 *
 * So a probe is sent after the start; and later when something has waited for a second and nobody
 * has adopted anything, which as well may mean that all workers are blocked. Nothing but the device
 * is on a probe's way, neither a worker nor a bound that is used up: its queue, where it is the
 * device that chooses, is linked to main's port alone, which has room; and it is sent beyond the
 * domain's credits. So it comes back at once if the device works, whatever the workers do. That it
 * does not is said only after this thread has looked into its own consumer queue six times, half a
 * second apart, and no worker has adopted anything in all that time. Time in which the thread did
 * not run, since the machine was busy or the process stopped, has no looks, and a device goes on
 * meanwhile.
 *
 * Main thread. Costs two looks at the ledger's counters a second, and nothing per connection.
 */
export class DeviceProbe {
  readonly #options: DeviceProbeOptions
  #timer: NodeJS.Timeout | null = null
  /** A probe is on its way. */
  #isOut = false
  /** What the workers had adopted at the last look. */
  #adopted = 0
  /** Looks in a row without progress: all, and those at which a probe was on its way. */
  #stuck = 0
  #waited = 0

  constructor(options: DeviceProbeOptions) {
    this.#options = options
  }

  /**
   * Right after the start, before anybody else sends. Blocks, for some µs if the device works.
   * @throws ERR_DLB_DEVICE_FAILED
   */
  checkStart(): void {
    const { port, queue, receive } = this.#options
    if (queue.kind === 'load-balanced') port.link(queue)
    const pause = new Int32Array(new SharedArrayBuffer(4))
    let isSent = false
    for (let look = 0; look < START_LOOKS; look++) {
      isSent ||= this.#send()
      receive()
      if (isSent && !this.#isOut) return
      Atomics.wait(pause, 0, 0, 1)
    }
    throw failed(`an event that was sent after the start has not come back within ${START_LOOKS} ms`)
  }

  watch(): void {
    this.#timer = setInterval(() => this.look(), LOOK)
    // The workers hold the loop open.
    this.#timer.unref()
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  /**
   * @returns whether event `i`, which main's port has received, was a probe; it is done with then.
   */
  take(events: EventBuffer, i: number): boolean {
    // One that nobody waits for any more is as any event without a connection: the ledger counts it
    // as stale.
    if (!this.#isOut || events.data64Low(i) !== NO_FD) return false
    this.#isOut = false
    this.#waited = 0
    return true
  }

  /** Whether the workers get on, and the probe has come back. Every half second. */
  look(): void {
    try {
      this.#look()
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      this.#options.onFailure(error)
    }
  }

  /**
   * @throws what calls of the device throw, and ERR_DLB_DEVICE_FAILED for a probe that does not
   *   come back.
   */
  #look(): void {
    const { flow, receive } = this.#options
    const before = this.#adopted
    this.#adopted = flow.adopted
    if (flow.inFlight === 0 || this.#adopted !== before) {
      // Nothing waits, or the device works. Should a probe be lost all the same, the next time has
      // its own.
      this.#isOut = false
      this.#stuck = 0
      this.#waited = 0
      return
    }
    receive()
    this.#stuck++
    if (this.#isOut) this.#waited++
    if (this.#waited >= LOOKS_FOR_PROBE) {
      throw failed(`an event that was sent ${(LOOKS_FOR_PROBE * LOOK) / 1000} s ago has not come back`)
    }
    if (!this.#isOut && this.#stuck >= LOOKS_BEFORE) this.#send()
  }

  /** @returns false if libdlb has no credits left just now. */
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
