import { ADOPTING, entry, freed, generationOf, IN_DEVICE, ownerOf, stateOf, WAITING } from './entries.ts'
import type { Connection, Ledger } from './ledger.ts'

/** What a worker that has died had accepted and may not have handed on. */
export interface LeftPending {
  /** They may be in the device, too. */
  readonly connections: readonly Connection[]
  /** The ledger does not know of these. */
  readonly fds: readonly number[]
}

/**
 * What main finds out from the ledger when a worker's thread or the device has ended, and moves to
 * itself. Each method reads every entry up to the highest that was ever used.
 */
export class LedgerRecovery {
  readonly #ledger: Ledger
  /** What `takeOwnedBy` found without a handle: the words that it left, by fd. */
  readonly #orphans = new Map<number, number>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /**
   * Once the worker's thread has ended and before another gets its index: all that the worker owned
   * is closed, by Node with the thread's environment. The worker's counters, which it may have been
   * in the middle of updating, are corrected.
   *
   * @returns the fds that the worker had adopted and may not have opened a handle on. If it had
   *   not, nobody has closed them.
   */
  takeOwnedBy(worker: number): number[] {
    const { entries, counters } = this.#ledger
    this.#orphans.clear()
    let owned = 0
    for (let fd = 0; fd < entries.end; fd++) {
      const word = entries.load(fd)
      const state = stateOf(word)
      if (state < ADOPTING || ownerOf(word) !== worker) continue
      // The move fails if another worker accepts just now, and has been given the number again.
      if (!entries.move(fd, word, freed(word))) continue
      if (state === ADOPTING) this.#orphans.set(fd, freed(word))
      owned++
    }
    counters.repair(worker, owned)
    counters.countClosedFor(worker, owned)
    return [...this.#orphans.keys()]
  }

  /**
   * Whether an fd that `takeOwnedBy` returned is nobody else's since. If Node had a handle on it
   * and closed it, another worker may have been given the number: that worker has entered it in the
   * ledger, or has it pending.
   */
  isOrphan(fd: number): boolean {
    const { entries, acceptMode, workers } = this.#ledger
    if (entries.load(fd) !== this.#orphans.get(fd)) return false
    for (let worker = 0; worker < workers; worker++) if (acceptMode.isPending(worker, fd)) return false
    return true
  }

  /**
   * Once the device has failed: what the device still held is main's again. Events that a worker
   * has received and not adopted yet are stale from here on.
   */
  takeInDevice(): Connection[] {
    return this.#takeInDevice(() => true)
  }

  /**
   * What was sent to this worker's own queue and is not adopted yet is main's again; its events are
   * stale from here on.
   */
  takeSentTo(worker: number): Connection[] {
    return this.#takeInDevice((fd) => this.#ledger.wasSentTo(worker, fd))
  }

  /**
   * Once the worker's thread has ended: empties its pending places. A connection there that is in
   * the device by its entry may have been sent or not. It is main's again, which sends it anew: of
   * two events, the ledger lets one through. What the worker has entered as its own, `takeOwnedBy`
   * finds.
   */
  takePending(worker: number): LeftPending {
    const { acceptMode, counters } = this.#ledger
    const pending = acceptMode.pendingOf(worker)
    const places = [...pending]
    pending.fill(0)
    const accepted = new Set(places.flatMap((place) => (place === 0 ? [] : [place < 0 ? ~place : place - 1])))
    // The thread may have ended between the entry and the place: then the entry is newer.
    const connections = accepted.size === 0 ? [] : this.#takeInDevice((fd) => accepted.has(fd))
    const taken = new Set(connections.map(({ fd }) => fd))
    const isEntered = (fd: number): boolean => taken.has(fd) || this.#adopts(worker, fd)
    // They are entered from the front, so that of those whose place says otherwise, only the first
    // may be.
    const next = places.findIndex((place) => place < 0)
    counters.repairPending(worker, next === -1 ? null : next + Number(isEntered(~places[next])))
    const fds = places.flatMap((place) => (place < 0 && !isEntered(~place) ? [~place] : []))
    return { connections, fds }
  }

  /** Whether the worker has entered the fd as its own, and has no handle on it yet. */
  #adopts(worker: number, fd: number): boolean {
    const { entries } = this.#ledger
    if (!entries.has(fd)) return false
    const word = entries.load(fd)
    return stateOf(word) === ADOPTING && ownerOf(word) === worker
  }

  /**
   * Once all workers' threads have ended: nobody will adopt what waits or is in the device, so that
   * all of it is refused. @returns the fds, which the caller closes, and where they were accepted.
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

  #takeInDevice(isMeant: (fd: number) => boolean): Connection[] {
    const { entries } = this.#ledger
    const taken: Connection[] = []
    for (let fd = 0; fd < entries.end; fd++) {
      const word = entries.load(fd)
      if (stateOf(word) !== IN_DEVICE || !isMeant(fd)) continue
      // The stamp's low bits do for the stamp, because moves compare no others.
      const stamp = generationOf(word)
      if (!entries.move(fd, word, entry(WAITING, 0, stamp))) continue
      taken.push({ listener: entries.listenerOf(fd), fd, stamp })
    }
    return taken
  }
}
