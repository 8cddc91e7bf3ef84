import type { QueueId } from '../../device/device.ts'
import type { QueueLink } from '../../protocol.ts'
import type { ConnectionDomain } from '../dispatch/connection-domain.ts'

/** What the pool sees of a listener. */
export interface Placed {
  /** The priority of its connections, 0 (first) to 7. */
  readonly priority: number
  /** The workers that listen. */
  readonly members: ReadonlySet<number>
}

/**
 * A queue, and the listeners whose connections go there. Each of `workers` has a link to the queue,
 * or is about to be told to make one.
 */
interface SharedQueue<L extends Placed> {
  readonly queue: QueueId
  readonly priority: number
  readonly workers: Set<number>
  /**
   * The listeners in the order in which they came, which is usually the order in which workers join
   * them.
   */
  readonly listeners: L[]
}

export interface QueuePoolHooks<L extends Placed> {
  readonly domain: Pick<ConnectionDomain, 'queues' | 'reclaim' | 'stopReclaiming'>
  /** The listener's connections go to this queue from now on. null: there is no queue for it. */
  readonly onMoved: (listener: L, queue: QueueId | null) => void
  /** The worker's links have changed. */
  readonly onLinks: (worker: number) => void
}

/**
 * Milliseconds within which a worker that has listened on one address usually listens on its
 * others.
 */
const SETTLING_MS = 50

/**
 * The load-balanced queues that listeners share. An event names its listener, so one queue is
 * enough for any number of listeners, if the same workers serve them all. The device may deal a
 * queue's connections to any worker that has a link to the queue, and a worker without a server for
 * a connection must not get it. Therefore:
 *
 * Invariant: all workers of a queue serve all of its listeners.
 *
 * - A listener that is opened goes to the queue whose only worker is the one that opens it.
 * - A worker that joins a listener becomes a worker of its queue once it has joined all listeners
 *   of that queue. For an ordinary server, whose workers all listen everywhere, nothing else
 *   happens, and no other worker has to do anything when a worker starts.
 * - Queues that come to have the same workers become one queue.
 * - A listener moves to a queue that has exactly the listener's workers: after a while, if its
 *   queue lacks some of them (they do not listen everywhere), or at once when a worker leaves the
 *   listener.
 * - Listeners of different priorities do not share a queue, because a device compares the events of
 *   different queues by the priorities of the links.
 *
 * The pool has as many queues as a port has links, so that no worker runs out of links. When there
 * are more sets of workers than queues, some listeners have no queue. Main deals their connections
 * to their workers in turn until a queue is free.
 *
 * A worker learns of a change on a later turn of its loop, or, when it joins or leaves a listener
 * itself, from the answer. Until then it may have a link that it should not have. It gives back the
 * connections that come through that link, and main deals them again. Connections that are left in
 * a queue without listeners are given back as well.
 *
 * Main thread.
 */
export class QueuePool<L extends Placed> {
  readonly #hooks: QueuePoolHooks<L>
  /**
   * The free queues. The one that was given back first comes first, because its former workers have
   * most probably removed their links by then.
   */
  readonly #free: QueueId[]
  readonly #used: SharedQueue<L>[] = []
  readonly #queueOf = new Map<L, SharedQueue<L>>()
  /** Listeners that have workers and no queue. */
  readonly #without = new Set<L>()
  #settling: NodeJS.Timeout | null = null

  constructor(hooks: QueuePoolHooks<L>) {
    this.#hooks = hooks
    this.#free = [...hooks.domain.queues]
  }

  /** The queues that the worker's port has to have links to. */
  linksOf(worker: number): QueueLink[] {
    return this.#used.flatMap(({ queue, priority, workers }) => (workers.has(worker) ? [{ queue, priority }] : []))
  }

  /** The listener is new, or its workers have changed. */
  place(listener: L): void {
    const shared = this.#queueOf.get(listener)
    if (listener.members.size === 0) this.remove(listener)
    else if (!shared || !isSubset(shared.workers, listener.members)) this.#move(listener)
    else this.#grow(shared, listener)
  }

  /** The listener is closed, or no worker serves it at present. */
  remove(listener: L): void {
    const hadQueue = this.#leave(listener)
    this.#without.delete(listener)
    if (hadQueue) this.#hooks.onMoved(listener, null)
    if (this.#free.length > 0 && this.#without.size > 0) this.#settleLater()
  }

  /**
   * The worker's thread has ended, and its links with it. The caller places the listeners that it
   * served again.
   */
  forget(worker: number): void {
    for (const { workers } of this.#used) workers.delete(worker)
  }

  close(): void {
    if (this.#settling !== null) clearTimeout(this.#settling)
  }

  #grow(shared: SharedQueue<L>, { members }: L): void {
    for (const worker of members) {
      if (shared.workers.has(worker)) continue
      // The search begins at the last listener, because a worker that has just started has not
      // joined that one yet.
      if (shared.listeners.findLastIndex((other) => !other.members.has(worker)) === -1) this.#link(shared, worker)
    }
    // All workers that were linked have died.
    if (shared.workers.size === 0) for (const listener of [...shared.listeners]) this.#move(listener)
    else if (shared.workers.size < members.size) this.#settleLater()
    else this.#mergeIntoEqual(shared)
  }

  #mergeIntoEqual(shared: SharedQueue<L>): void {
    const equal = this.#find(shared.priority, shared.workers)
    if (!equal || equal === shared) return
    for (const listener of [...shared.listeners]) this.#put(listener, equal)
  }

  /**
   * Moves the listener to a queue that has exactly its workers, if there is one or a queue is free.
   */
  #move(listener: L): void {
    const { priority, members } = listener
    const before = this.#queueOf.get(listener)
    const equal = this.#find(priority, members)
    if (!equal && before?.listeners.length === 1) this.#relink(before, members)
    else if (!equal || equal !== before) this.#put(listener, equal ?? this.#take(priority, members))
  }

  #put(listener: L, shared: SharedQueue<L> | undefined): void {
    this.#leave(listener)
    if (shared) {
      shared.listeners.push(listener)
      this.#queueOf.set(listener, shared)
      this.#without.delete(listener)
    } else {
      this.#without.add(listener)
    }
    this.#hooks.onMoved(listener, shared?.queue ?? null)
  }

  /** @returns whether it had a queue */
  #leave(listener: L): boolean {
    const shared = this.#queueOf.get(listener)
    if (!shared) return false
    this.#queueOf.delete(listener)
    shared.listeners.splice(shared.listeners.lastIndexOf(listener), 1)
    if (shared.listeners.length > 0) return true
    this.#used.splice(this.#used.indexOf(shared), 1)
    this.#free.push(shared.queue)
    for (const worker of shared.workers) this.#hooks.onLinks(worker)
    this.#hooks.domain.reclaim(shared.queue)
    return true
  }

  #take(priority: number, members: ReadonlySet<number>): SharedQueue<L> | undefined {
    const queue = this.#free.shift()
    if (!queue) return undefined
    this.#hooks.domain.stopReclaiming(queue)
    const shared: SharedQueue<L> = { queue, priority, workers: new Set(), listeners: [] }
    this.#used.push(shared)
    this.#relink(shared, members)
    return shared
  }

  #find(priority: number, members: ReadonlySet<number>): SharedQueue<L> | undefined {
    return this.#used.find((shared) => shared.priority === priority && isEqual(shared.workers, members))
  }

  #relink(shared: SharedQueue<L>, members: ReadonlySet<number>): void {
    for (const worker of shared.workers) {
      if (members.has(worker)) continue
      shared.workers.delete(worker)
      this.#hooks.onLinks(worker)
    }
    for (const worker of members) if (!shared.workers.has(worker)) this.#link(shared, worker)
  }

  #link(shared: SharedQueue<L>, worker: number): void {
    shared.workers.add(worker)
    this.#hooks.onLinks(worker)
  }

  #settleLater(): void {
    this.#settling ??= setTimeout(() => this.#settle(), SETTLING_MS).unref()
  }

  #settle(): void {
    this.#settling = null
    for (const [listener, { workers }] of [...this.#queueOf]) {
      if (workers.size < listener.members.size) this.#move(listener)
    }
    for (const listener of [...this.#without]) this.#move(listener)
  }
}

function isSubset(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  for (const worker of a) if (!b.has(worker)) return false
  return true
}

function isEqual(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return a.size === b.size && isSubset(a, b)
}
