import type { Port, QueueId, SchedulingDomain } from '../../device/device.ts'
import type { EventBuffer } from '../../device/event-buffer.ts'
import { attachDomain } from '../../device/open.ts'
import type { NodeDlbError } from '../../errors.ts'
import { MAX_PENDING } from '../../ledger/accept-mode.ts'
import type { Connection, Ledger } from '../../ledger/ledger.ts'
import type { DomainLink, QueueLink, Route } from '../../protocol.ts'
import { Acceptor } from './acceptor.ts'
import type { Adopter } from './adopter.ts'
import { BalancedCompletions, DirectedCompletions } from './completions.ts'
import { deliver, LATER } from './delivery.ts'
import { DeviceSink } from './device-sink.ts'
import { InFlightShare } from './in-flight-share.ts'
import { INBOX_BATCH, Inbox } from './inbox.ts'
import { OwnSink } from './own-sink.ts'

export interface WorkerDomainOptions {
  readonly ledger: Ledger
  readonly worker: number
  readonly adopter: Adopter
  /**
   * Called when connections were closed at once because no descriptors were left. They are counted.
   */
  readonly onShed: (connections: number) => void
  /** Called once if the device has failed, which any call can show. */
  readonly onFailure: (error: NodeDlbError) => void
  readonly debug: ((line: string) => void) | null
}

/**
 * The worker's end of the domain that connections travel in: one port for the queues that it shares
 * with others, and one for the queue that is its own. A domain has both ports, one of them, or none
 * if the workers accept for themselves. When the device fails, another WorkerDomain replaces this
 * one. It does not keep the loop alive.
 */
export class WorkerDomain {
  readonly #options: WorkerDomainOptions
  readonly #balanced: Port | null
  readonly #directed: Port | null
  /** The completions of the load-balanced port. */
  readonly #completions: BalancedCompletions | null
  readonly #directedCompletions: DirectedCompletions
  readonly #acceptor: Acceptor
  readonly #routes = new Map<number, Route>()
  readonly #linked = new Map<number, QueueId>()
  readonly #onFailure = (error: NodeDlbError): void => this.#fail(error)
  #failed = false

  /**
   * @throws the error of attaching if the device has failed, or was replaced meanwhile
   *   (ERR_DLB_CLOSED)
   */
  constructor({ token, balanced, directed, queues, limits, workers }: DomainLink, options: WorkerDomainOptions) {
    const { ledger, worker } = options
    const domain = token && attachDomain(token)
    this.#options = options
    this.#balanced = domain && balanced && domain.attachPort(balanced)
    this.#directed = domain && directed && domain.attachPort(directed)
    const device = domain && this.#balanced && this.#sinkTo(this.#balanced, domain.createEvents(MAX_PENDING))
    this.#acceptor = new Acceptor({ ...options, device, own: new OwnSink(options) })
    this.#directedCompletions = new DirectedCompletions(ledger.counters, worker)
    // A thread that had the port before may have left links, and this one has no servers yet.
    if (this.#balanced) for (const queue of queues) this.#balanced.unlink(queue)
    this.#completions =
      this.#balanced && this.#completionsOf(this.#balanced, new InFlightShare(limits, workers, ledger.counters, worker))
    if (domain) this.#open(domain)
  }

  /** Called when the listener's connections are wanted, or come by another route than before. */
  join(listener: number, route: Route): void {
    this.#routes.set(listener, route)
    this.#acceptor.join(listener, route)
  }

  leave(listener: number): void {
    this.#routes.delete(listener)
    this.#acceptor.leave(listener)
  }

  /** Makes these the queues whose connections the worker is dealt, and no others. */
  setLinks(links: readonly QueueLink[]): void {
    const wanted = new Map(links.map(({ queue, priority }) => [queue.id, { queue, priority }]))
    for (const [id, queue] of this.#linked) {
      if (wanted.has(id)) continue
      this.#linked.delete(id)
      this.#try(() => this.#balanced?.unlink(queue))
    }
    for (const [id, { queue, priority }] of wanted) {
      if (this.#linked.has(id)) continue
      this.#linked.set(id, queue)
      this.#try(() => this.#balanced?.link(queue, priority))
    }
  }

  /** Called when workers accept from now on. */
  workersAccept(): void {
    this.#acceptor.workersAccept()
  }

  /** Sets the number of workers, which share the device's in-flight limit. */
  shareAmong(workers: number): void {
    this.#completions?.shareAmong(workers)
  }

  /** Adopts a connection for this worker's directed queue, which has no port in this domain. */
  receive({ listener, fd, stamp }: Connection): void {
    const delivery = this.#options.adopter.adopt(listener, fd, stamp, this.#directedCompletions)
    if (delivery && delivery !== LATER) deliver(delivery)
  }

  /** Leaves the domain, which main closes. */
  close(): void {
    this.#failed = true
    this.#acceptor.close()
    this.#balanced?.detach()
    this.#directed?.detach()
  }

  #sinkTo(port: Port, events: EventBuffer): DeviceSink {
    const { ledger, worker, adopter, debug } = this.#options
    return new DeviceSink({ ledger, worker, port, events, adopter, onFailure: this.#onFailure, debug })
  }

  #completionsOf(port: Port, share: InFlightShare): BalancedCompletions {
    const { ledger, worker } = this.#options
    return new BalancedCompletions({
      port,
      share,
      counts: (listener) => this.#routes.get(listener)?.completion === 'close',
      onEarly: () => ledger.counters.countEarly(worker),
      onFailure: this.#onFailure,
    })
  }

  #open(domain: SchedulingDomain): void {
    const { adopter, debug } = this.#options
    const common = { adopter, debug, onFailure: this.#onFailure }
    const events = () => domain.createEvents(INBOX_BATCH)
    if (this.#balanced && this.#completions) {
      const [port, completions] = [this.#balanced, this.#completions]
      new Inbox({ ...common, port, completions, batch: INBOX_BATCH, events: events() }).open()
    }
    // For the device, events that a directed port has received are complete: if the thread ends,
    // nobody gets them back. So it takes one at a time.
    if (this.#directed) {
      const [port, completions] = [this.#directed, this.#directedCompletions]
      new Inbox({ ...common, port, completions, batch: 1, events: events() }).open()
    }
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
    this.#options.onFailure(error)
  }
}
