import type { Port, QueueId } from '../../device/device.ts'
import { attachDomain } from '../../device/open.ts'
import type { NodeDlbError } from '../../errors.ts'
import { HAND_ROOM } from '../../ledger/accept-mode.ts'
import type { Connection, Ledger } from '../../ledger/ledger.ts'
import type { DeviceLink, QueueLink, Route } from '../../protocol.ts'
import { Relief } from './acceptor.ts'
import { type Completions, DeviceCompletions, DirectCompletions } from './completions.ts'
import { InFlightShare } from './in-flight-share.ts'
import { INBOX_BATCH, Inbox, type InboxOptions } from './inbox.ts'

/**
 * Where this worker's connections come in. Another takes its place when the device fails. It does
 * not hold the loop open.
 */
export interface Intake {
  /** Connections of the listener are wanted; or come by another route than before. */
  join(listener: number, route: Route): void
  leave(listener: number): void
  /** The worker is to be dealt what is in these queues, and no others. */
  setLinks(links: readonly QueueLink[]): void
  /** Main's acceptor rests: this worker may accept for it. */
  relieve(): void
  /** There are so many workers now. */
  shareAmong(workers: number): void
  close(): void
}

export interface DeviceIntakeOptions {
  readonly ledger: Ledger
  readonly worker: number
  readonly adopt: InboxOptions['adopt']
  /** Main deals with the connection. */
  readonly giveBack: (connection: Connection) => void
  readonly onFailure: (error: NodeDlbError) => void
  readonly debug: ((line: string) => void) | null
}

/**
 * The worker's ports of the queue device: one for the queues that it shares with others, one for
 * the queue that is its own, or only one of them. A device that fails shows in any call; it is told
 * by `onFailure`, once, and then nothing comes in any more.
 */
export class DeviceIntake implements Intake {
  readonly #balanced: Port | null
  readonly #directed: Port | null
  /** The first port's. */
  readonly #completions: DeviceCompletions | null
  readonly #relief: Relief
  readonly #onFailure: DeviceIntakeOptions['onFailure']
  readonly #routes = new Map<number, Route>()
  readonly #linked = new Map<number, QueueId>()
  #failed = false

  /**
   * @throws what attaching throws if the device has failed, or was replaced meanwhile
   *   (ERR_DLB_CLOSED).
   */
  constructor(link: DeviceLink, options: DeviceIntakeOptions) {
    const { domain: token, balanced, directed, queues, limits, workers } = link
    const { ledger, worker } = options
    const domain = attachDomain(token)
    this.#onFailure = options.onFailure
    this.#balanced = balanced && domain.attachPort(balanced)
    this.#directed = directed && domain.attachPort(directed)
    const onFailure = (error: NodeDlbError): void => this.#fail(error)
    const open = (port: Port, batch: number, completions: Completions): void => {
      new Inbox({
        ...options,
        port,
        batch,
        completions,
        onFailure,
        events: domain.createEvents(INBOX_BATCH),
      }).open()
    }
    this.#relief = new Relief({
      ...options,
      port: this.#balanced,
      onFailure,
      events: domain.createEvents(HAND_ROOM),
    })
    if (this.#balanced) {
      // The links of the thread that had the port before, if one had: this one has no servers yet.
      for (const queue of queues) this.#balanced.unlink(queue)
      const counts = (listener: number): boolean => this.#routes.get(listener)?.completion === 'close'
      const onEarly = (): void => ledger.counters.countEarly(worker)
      const share = new InFlightShare(limits, workers, ledger.counters, worker)
      this.#completions = new DeviceCompletions({ port: this.#balanced, share, counts, onEarly, onFailure })
      open(this.#balanced, INBOX_BATCH, this.#completions)
    } else {
      this.#completions = null
    }
    // For the device, what a directed port has received is complete: if the thread ends, nobody
    // gets it back. So one at a time.
    if (this.#directed) open(this.#directed, 1, new DirectCompletions(ledger.counters, worker))
  }

  join(listener: number, route: Route): void {
    this.#routes.set(listener, route)
    this.#relief.join(listener, route)
  }

  leave(listener: number): void {
    this.#routes.delete(listener)
    this.#relief.leave(listener)
  }

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

  relieve(): void {
    this.#relief.begin()
  }

  shareAmong(workers: number): void {
    this.#completions?.shareAmong(workers)
  }

  /** The fabric's domain is closed by main; this only lets go of it. */
  close(): void {
    this.#failed = true
    this.#relief.close()
    this.#balanced?.detach()
    this.#directed?.detach()
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

/** For listeners with and without a device: each route says which it is. */
export class MixedIntake implements Intake {
  readonly #device: Intake
  readonly #own: Intake
  readonly #sharing = new Set<number>()

  constructor(device: Intake, own: Intake) {
    this.#device = device
    this.#own = own
  }

  join(listener: number, route: Route): void {
    const shares = route.socket !== null
    if (shares) this.#sharing.add(listener)
    const intake = shares ? this.#own : this.#device
    intake.join(listener, route)
  }

  leave(listener: number): void {
    const intake = this.#sharing.delete(listener) ? this.#own : this.#device
    intake.leave(listener)
  }

  setLinks(links: readonly QueueLink[]): void {
    this.#device.setLinks(links)
  }

  relieve(): void {
    this.#device.relieve()
  }

  shareAmong(workers: number): void {
    this.#device.shareAmong(workers)
  }

  close(): void {
    this.#device.close()
    this.#own.close()
  }
}
