import type { WorkerLink } from '../../protocol.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import type { ListenerTable } from '../listeners/table.ts'
import type { Workers } from './workers.ts'

export interface WorkerLinksParts {
  readonly workers: Workers
  readonly table: ListenerTable
  readonly dispatch: Dispatch
}

/** Tells workers through which ports, routes and links their connections come. Main thread. */
export class WorkerLinks {
  readonly #parts: WorkerLinksParts

  constructor(parts: WorkerLinksParts) {
    this.#parts = parts
  }

  /** The link of a worker that has a thread, or is about to have one. */
  linkFor(worker: number): WorkerLink {
    const { workers, table, dispatch } = this.#parts
    const others = workers.running.filter(({ index }) => index !== worker)
    return { domainNumber: table.domainNumber, domain: dispatch.domain.linkFor(worker, others.length + 1) }
  }

  /** Makes all workers change to the domain that is in use now. */
  switchAll(): void {
    const { workers, table } = this.#parts
    const routes = table.routes()
    for (const { index } of workers.running) {
      const links = table.linksOf(index)
      workers.post(index, { type: 'switch', link: this.linkFor(index), links, routes })
    }
  }

  /**
   * Tells all workers how many of them have a thread, because that changes each one's share of the
   * in-flight limit.
   */
  shareInFlightLimit(): void {
    const { workers, dispatch } = this.#parts
    if (!dispatch.domain.sharesInFlightLimit) return
    workers.broadcast({ type: 'share', workers: workers.running.length })
  }
}
