import { ACCEPT_COUNTERS, type AcceptMode, type AcceptModeName } from '../../ledger/accept-mode.ts'
import type { AcceptRoute } from '../../protocol.ts'
import type { AcceptingListeners, Backlogs } from '../dispatch/accept-switch.ts'
import type { Policy } from '../dispatch/policies/index.ts'
import { isOwnAccepting } from '../dispatch/policies/names.ts'
import type { Listener } from './listener.ts'
import type { ListenerRegistry } from './registry.ts'

/** Derives from the accept mode who accepts from each listener. Main thread. */
export class ListenerAccepting implements AcceptingListeners {
  readonly #registry: ListenerRegistry
  readonly #acceptMode: AcceptMode
  readonly #workersMayAccept: boolean
  readonly #freeCounters = Array.from({ length: ACCEPT_COUNTERS }, (_, counter) => counter)
  #mode: AcceptModeName = 'main'
  #stopped = false

  /**
   * @param workersMayAccept whether workers may accept instead of main from listeners whose
   *   connections the device distributes
   */
  constructor(registry: ListenerRegistry, acceptMode: AcceptMode, workersMayAccept: boolean) {
    this.#registry = registry
    this.#acceptMode = acceptMode
    this.#workersMayAccept = workersMayAccept
  }

  /** Makes main accept from the listeners or stop, as the mode says. */
  setAcceptMode(mode: AcceptModeName): void {
    this.#mode = mode
    for (const listener of this.#registry.all()) this.update(listener)
  }

  /** Whether workers can accept from the listener instead of main. */
  canWorkersAccept(id: number): boolean {
    const listener = this.#registry.get(id)
    return listener !== undefined && this.#canWorkersAccept(listener)
  }

  /** The accept mode of the listener: paused also if no worker serves it. */
  at(listener: Listener): AcceptModeName {
    const isOpen = listener.socket.fd >= 0
    if (isOwnAccepting(listener.policy.name)) {
      // When the balancer closes, the workers accept until they close their servers.
      return listener.members.size > 0 && (isOpen || this.#stopped) ? 'workers' : 'paused'
    }
    if (!listener.served || !isOpen) return 'paused'
    return this.#mode === 'workers' && !this.#canWorkersAccept(listener) ? 'main' : this.#mode
  }

  /**
   * Called when the listener's policy, socket or workers have changed: makes main accept from it or
   * stop.
   */
  update(listener: Listener): void {
    if (this.#stopped) return
    if (this.at(listener) === 'main') listener.socket.resume()
    else listener.socket.pause()
  }

  /** Makes the listeners stop accepting for good: `update` has no effect from now on. */
  stop(): void {
    this.#stopped = true
  }

  /** The way in which a worker accepts from the listener; null if only main does. */
  routeOf(listener: Listener): AcceptRoute | null {
    const { policy } = listener
    // The socket is closed if the device fails during a drain.
    const socket = listener.socket.fd
    if (socket < 0) return null
    if (isOwnAccepting(policy.name)) return { sink: 'own', socket }
    return this.#canWorkersAccept(listener) ? { sink: 'device', socket, counter: listener.acceptCounter } : null
  }

  /** @returns a counter for a listener with this policy; null if it needs none, or none is left */
  takeCounter({ kind }: Policy): number | null {
    return kind === 'load-balanced' ? (this.#freeCounters.shift() ?? null) : null
  }

  /** Gives back the counter of a listener that is closed. */
  freeCounter({ acceptCounter }: Listener): void {
    if (acceptCounter !== null) this.#freeCounters.push(acceptCounter)
  }

  /**
   * Samples the backlogs of the listeners from which workers accept, and compares them with the
   * last call. `stranded`: connections waited in a backlog at the last call, too, and no worker has
   * accepted there since.
   */
  checkBacklogs(): Backlogs {
    let backlogs: Backlogs = 'empty'
    for (const listener of this.#registry.all()) {
      if (!this.#canWorkersAccept(listener) || !listener.served) continue
      const count = this.#acceptMode.acceptCount(listener.acceptCounter)
      const waits = listener.socket.hasWaiting
      if (waits && listener.waited && count === listener.acceptCount) backlogs = 'stranded'
      else if (waits && backlogs === 'empty') backlogs = 'waiting'
      listener.acceptCount = count
      listener.waited = waits
    }
    return backlogs
  }

  #canWorkersAccept(listener: Listener): listener is Listener & { readonly acceptCounter: number } {
    return this.#workersMayAccept && listener.acceptCounter !== null && listener.policy.kind === 'load-balanced'
  }
}
