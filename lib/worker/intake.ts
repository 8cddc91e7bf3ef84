import type { Port } from '../device/device.ts'
import { attachDomain } from '../device/open.ts'
import type { NodeDlbError } from '../errors.ts'
import type { Delivery } from './delivery.ts'
import { INBOX_BATCH, Inbox } from './inbox.ts'
import type { DeviceLink, Route } from './protocol.ts'

/**
 * Where this worker's connections come in. Another takes its place when the device fails. It does not hold the loop open.
 */
export interface Intake {
  /** Connections of the listener are wanted. */
  join(listener: number, route: Route): void
  leave(listener: number): void
  close(): void
}

export interface DeviceIntakeOptions {
  readonly adopt: (listener: number, fd: number, stamp: number) => Delivery | null
  readonly onFailure: (error: NodeDlbError) => void
  readonly debug: ((line: string) => void) | null
}

/**
 * The worker's port of the queue device. A device that fails shows in any call; it is told by `onFailure`, once, and
 * then nothing comes in any more.
 */
export class DeviceIntake implements Intake {
  readonly #port: Port
  readonly #onFailure: DeviceIntakeOptions['onFailure']
  readonly #routes = new Map<number, Route>()
  #failed = false

  /** @throws what attaching throws if the device has failed, or was replaced meanwhile (ERR_DLB_CLOSED). */
  constructor({ domain: token, port, queues }: DeviceLink, options: DeviceIntakeOptions) {
    const domain = attachDomain(token)
    this.#port = domain.attachPort(port)
    this.#onFailure = options.onFailure
    // The links of the thread that had the port before, if one had: this one has no servers yet.
    for (const queue of queues) this.#port.unlink(queue)
    const onFailure = (error: NodeDlbError): void => this.#fail(error)
    new Inbox({ ...options, port: this.#port, events: domain.createEvents(INBOX_BATCH), onFailure }).open()
    this.#port.enable()
  }

  join(listener: number, route: Route): void {
    const { queue } = route
    this.#routes.set(listener, route)
    if (queue) this.#try(() => this.#port.link(queue))
  }

  leave(listener: number): void {
    const queue = this.#routes.get(listener)?.queue
    this.#routes.delete(listener)
    if (queue) this.#try(() => this.#port.unlink(queue))
  }

  /** The fabric's domain is closed by main; this only lets go of it. */
  close(): void {
    this.#failed = true
    this.#port.detach()
  }

  #try(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#fail(error as NodeDlbError)
    }
  }

  #fail(error: NodeDlbError): void {
    if (this.#failed) return
    this.#failed = true
    this.#onFailure(error)
  }
}
