import type { Port, PortId, QueueId, SchedulingDomain } from '../device/device.ts'
import type { EventBuffer } from '../device/event-buffer.ts'
import type { Connection, Dealer } from './dealer.ts'

const BATCH = 64

/**
 * Takes connections back out of the device: what a dead worker's port held, and what is left in the queue of a
 * listener that closed. They go to the dealer, which finds them another worker or refuses them.
 *
 * Main thread; the port is the dealer's.
 */
export class Reclaimer {
  readonly #domain: SchedulingDomain
  readonly #port: Port
  readonly #events: EventBuffer
  readonly #dealer: Dealer

  constructor(domain: SchedulingDomain, port: Port, dealer: Dealer) {
    this.#domain = domain
    this.#port = port
    this.#events = domain.createEvents(BATCH)
    this.#dealer = dealer
    port.onReadable(() => this.#receive())
    // The workers hold the loop open.
    port.unref()
  }

  /**
   * All that the device had for the port of a thread that has ended. The port can be attached again then.
   *
   * A load-balanced port is disabled first, so that its queues' events go to others. A directed one has its queue to
   * itself: nobody sends to it any more, and what is in it comes out through the port, as long as that is enabled.
   */
  recover(port: PortId): void {
    if (port.kind === 'load-balanced') this.#domain.disablePort(port)
    for (;;) {
      const count = this.#domain.recover(port, this.#events, BATCH)
      if (count === 0) return
      this.#dealer.takeBack(this.#connections(count))
    }
  }

  /** From here on, what is in the queue comes to this thread: no worker listens to it any more. */
  drain(queue: QueueId): void {
    this.#port.link(queue)
  }

  /** The queue is a new listener's. */
  release(queue: QueueId): void {
    this.#port.unlink(queue)
  }

  #receive(): void {
    const count = this.#port.receive(this.#events, BATCH)
    if (count === 0) return
    this.#port.release(count)
    this.#dealer.takeBack(this.#connections(count))
  }

  #connections(count: number): Connection[] {
    const events = this.#events
    return Array.from({ length: count }, (_, i) => ({
      listener: events.data16(i),
      fd: events.data64Low(i),
      stamp: events.data64High(i),
    }))
  }
}
