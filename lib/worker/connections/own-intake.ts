import type { Ledger } from '../../ledger/ledger.ts'
import { SharedListener } from '../../net/shared-listening-socket.ts'
import type { Route } from '../../protocol.ts'
import type { Adopter } from './adopter.ts'
import { deliver, LATER } from './delivery.ts'

export interface OwnIntakeOptions {
  readonly ledger: Ledger
  readonly worker: number
  readonly adopter: Adopter
  /** So many were closed at once, for want of descriptors. */
  readonly onShed: (connections: number) => void
  readonly debug: ((line: string) => void) | null
}

/** Without a device: this worker accepts from the listeners' sockets, which all workers share. */
export class OwnIntake {
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

  close(): void {
    for (const id of [...this.#listeners.keys()]) this.leave(id)
  }

  #take(listener: number, fd: number): void {
    const delivery = this.#options.adopter.accept(listener, fd)
    if (!delivery) return
    this.#options.debug?.(`accept ${fd}`)
    if (delivery !== LATER) deliver(delivery)
  }
}
