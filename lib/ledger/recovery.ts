import { ADOPTING, entry, freed, generationOf, IN_DEVICE, ownerOf, stateOf, WAITING } from './entries.ts'
import type { Connection, Ledger } from './ledger.ts'

/**
 * The pending connections of a worker that has died: it had accepted them, and may not have sent or
 * entered them.
 */
export interface LeftPending {
  /** These are in the ledger. They may be in the device, too. */
  readonly connections: readonly Connection[]
  /** The ledger does not have these. */
  readonly fds: readonly number[]
}

/**
 * Takes connections back for main when a worker's thread or the device has ended. Each method reads
 * every entry up to the highest that was ever used. Main thread.
 */
export class LedgerRecovery {
  readonly #ledger: Ledger
  /** The words that `takeOwnedBy` has left for connections without a known handle, by fd. */
  readonly #orphans = new Map<number, number>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /**
   * Called once the worker's thread has ended, and before another thread gets the index: everything
   * that the worker owned is closed, by Node, with the thread's environment. It corrects the
   * worker's counters, which the worker may have been updating.
   *
   * @returns the fds for which the worker may not have had a handle yet. If it had none, nobody has
   *   closed them.
   */
  takeOwnedBy(worker: number): number[] {
    const { entries, counters } = this.#ledger
    this.#orphans.clear()
    let owned = 0
    for (let fd = 0; fd < entries.end; fd++) {
      const word = entries.load(fd)
      const state = stateOf(word)
      if (state < ADOPTING || ownerOf(word) !== worker) continue
      // The move fails if another worker has been given the number again and is entering it at this
      // moment.
      if (!entries.move(fd, word, freed(word))) continue
      if (state === ADOPTING) this.#orphans.set(fd, freed(word))
      owned++
    }
    counters.repair(worker, owned)
    counters.countClosedFor(worker, owned)
    return [...this.#orphans.keys()]
  }

  /**
   * Whether an fd that `takeOwnedBy` returned has not been given to anybody else since. If Node had
   * a handle on it and closed it, another worker may have been given the number: then that worker
   * has entered it in the ledger, or has it pending.
   */
  isOrphan(fd: number): boolean {
    const { entries, acceptMode, workers } = this.#ledger
    if (entries.load(fd) !== this.#orphans.get(fd)) return false
    for (let worker = 0; worker < workers; worker++) if (acceptMode.isPending(worker, fd)) return false
    return true
  }

  /**
   * Called once the device has failed: the connections that it still had are main's again. Events
   * that a worker has received and not adopted are stale until main deals the connections again.
   * From then on, whichever event is adopted first has the connection.
   */
  takeInDevice(): Connection[] {
    return this.#takeInDevice(() => true)
  }

  /**
   * Takes back the connections that were sent to this worker's own queue and are not adopted. Their
   * events are stale until main deals the connections again, as in `takeInDevice`.
   */
  takeSentTo(worker: number): Connection[] {
    return this.#takeInDevice((fd) => this.#ledger.wasSentTo(worker, fd))
  }

  /**
   * Called once the worker's thread has ended: empties its pending list. A connection there that is
   * in the device by its entry may have been sent or not. It is main's again, which sends it once
   * more: of two events for one connection, the ledger lets only one through. Connections that the
   * worker has entered as its own are found by `takeOwnedBy`.
   */
  takePending(worker: number): LeftPending {
    const { acceptMode, counters } = this.#ledger
    const list = acceptMode.pendingOf(worker)
    const words = [...list]
    list.fill(0)
    const accepted = new Set(words.flatMap((word) => (word === 0 ? [] : [word < 0 ? ~word : word - 1])))
    // If the thread ended between writing the entry and writing the list, the entry is newer.
    const connections = accepted.size === 0 ? [] : this.#takeInDevice((fd) => accepted.has(fd))
    const taken = new Set(connections.map(({ fd }) => fd))
    const isEntered = (fd: number): boolean => taken.has(fd) || this.#adopts(worker, fd)
    // Connections are entered in the order of the list. So among those that the list shows as not
    // entered, only the first may be entered nevertheless.
    const next = words.findIndex((word) => word < 0)
    counters.repairPending(worker, next === -1 ? null : next + Number(isEntered(~words[next])))
    const fds = words.flatMap((word) => (word < 0 && !isEntered(~word) ? [~word] : []))
    return { connections, fds }
  }

  /** Whether the worker has entered the fd as its own and has no handle on it yet. */
  #adopts(worker: number, fd: number): boolean {
    const { entries } = this.#ledger
    if (!entries.has(fd)) return false
    const word = entries.load(fd)
    return stateOf(word) === ADOPTING && ownerOf(word) === worker
  }

  /**
   * Called once all workers' threads have ended: refuses all that waits or is in the device,
   * because nobody will adopt it. @returns the fds, which the caller closes, and the listeners that
   * accepted them
   */
  refuseAll(): Pick<Connection, 'listener' | 'fd'>[] {
    const { entries, counters } = this.#ledger
    const refused: Pick<Connection, 'listener' | 'fd'>[] = []
    for (let fd = 0; fd < entries.end; fd++) {
      const word = entries.load(fd)
      const state = stateOf(word)
      if (state !== WAITING && state !== IN_DEVICE) continue
      if (!entries.move(fd, word, freed(word))) continue
      counters.countRefused()
      refused.push({ listener: entries.listenerOf(fd), fd })
    }
    return refused
  }

  #takeInDevice(isWanted: (fd: number) => boolean): Connection[] {
    const { entries } = this.#ledger
    const taken: Connection[] = []
    for (let fd = 0; fd < entries.end; fd++) {
      const word = entries.load(fd)
      if (stateOf(word) !== IN_DEVICE || !isWanted(fd)) continue
      // The stamp's low bits can replace the stamp, because moves compare no others.
      const stamp = generationOf(word)
      if (!entries.move(fd, word, entry(WAITING, 0, stamp))) continue
      taken.push({ listener: entries.listenerOf(fd), fd, stamp })
    }
    return taken
  }
}
