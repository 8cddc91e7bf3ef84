import type { Ledger } from '../../ledger/ledger.ts'
import { loadAddon } from '../../native.ts'
import type { AcceptedListener, AcceptSink } from './acceptor.ts'
import type { Adopter } from './adopter.ts'
import { deliver, LATER } from './delivery.ts'

export interface OwnSinkOptions {
  readonly ledger: Ledger
  readonly worker: number
  readonly adopter: Pick<Adopter, 'adoptPending'>
  readonly debug: ((line: string) => void) | null
}

/**
 * Delivers connections that this worker accepts to the app's server in this worker, without a
 * device (`nop`). The delivery has to be the last action of a callback of the loop, so the sink
 * takes one connection at a time.
 */
export class OwnSink implements AcceptSink<AcceptedListener> {
  readonly #options: OwnSinkOptions
  readonly #pending: Int32Array

  constructor(options: OwnSinkOptions) {
    this.#options = options
    this.#pending = options.ledger.acceptMode.pendingOf(options.worker)
  }

  /** @returns true: it can always take more */
  take({ listener }: AcceptedListener): boolean {
    const { ledger, worker, adopter, debug } = this.#options
    const fd = ~this.#pending[0]
    ledger.counters.beginPending(worker)
    const delivery = adopter.adoptPending(listener, fd)
    ledger.counters.endPending(worker)
    this.#pending[0] = 0
    if (delivery === null) loadAddon().closeFd(fd)
    else debug?.(`accept ${fd}`)
    if (delivery !== null && delivery !== LATER) deliver(delivery)
    return true
  }
}
