import type { Ledger } from '../../ledger/ledger.ts'
import { SharedListener } from '../../net/shared-listening-socket.ts'
import type { Route } from '../../protocol.ts'
import { type Delivery, deliver, LATER } from './delivery.ts'
import type { Intake } from './worker-domain.ts'

export interface OwnIntakeOptions {
  readonly ledger: Ledger
  readonly worker: number
  /** Makes an accepted fd a connection; null if it cannot be, and is closed. */
  readonly accept: (listener: number, fd: number) => Delivery | typeof LATER | null
  /** So many were closed at once, for want of descriptors. */
  readonly onShed: (connections: number) => void
  readonly debug: ((line: string) => void) | null
}

/** Without a device: this worker accepts from the listeners' sockets, which all workers share. */
export class OwnIntake implements Intake {
  readonly #options: OwnIntakeOptions
  readonly #listeners = new Map<number, SharedListener>()

  constructor(options: OwnIntakeOptions) {
    this.#options = options
  }

  join(listener: number, { socket }: Route): void {
    if (socket === null) return
    const { ledger, worker, onShed } = this.#options
    const shared = new SharedListener(socket, ledger.shift.ownOf(worker), (fd) => this.#take(listener, fd), {
      onShed: (count) => {
        ledger.counters.countShedAt(worker, count)
        onShed(count)
      },
    })
    this.#listeners.set(listener, shared)
  }

  leave(listener: number): void {
    this.#listeners.get(listener)?.close()
    this.#listeners.delete(listener)
  }

  setLinks(): void {
    // There are no queues.
  }

  relieve(): void {
    // It always accepts.
  }

  shareAmong(): void {
    // Nothing counts them.
  }

  close(): void {
    for (const id of [...this.#listeners.keys()]) this.leave(id)
  }

  #take(listener: number, fd: number): void {
    const delivery = this.#options.accept(listener, fd)
    if (!delivery) return
    this.#options.debug?.(`accept ${fd}`)
    if (delivery !== LATER) deliver(delivery)
  }
}
