import { ADOPTING, entry, FREE, freed, generationOf, IN_DEVICE, ownerOf, stateOf, WAITING } from './entries.ts'
import type { Connection, Ledger } from './ledger.ts'

/** What a worker that has died had accepted and may not have sent. */
export interface LeftInHand {
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
   * ledger, or has it in hand.
   */
  isOrphan(fd: number): boolean {
    const { entries, shift, workers } = this.#ledger
    if (entries.load(fd) !== this.#orphans.get(fd)) return false
    for (let worker = 0; worker < workers; worker++) if (shift.hasInHand(worker, fd)) return false
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
   * Once the worker's thread has ended: empties its hand. A connection in the hand that is in the
   * device by its entry may have been sent or not. It is main's again, which sends it anew: of two
   * events, the ledger lets one through.
   */
  takeHand(worker: number): LeftInHand {
    const { shift, counters } = this.#ledger
    const hand = shift.handOf(worker)
    const next = hand.findIndex((place) => place < 0)
    const nextFd = next === -1 ? -1 : ~hand[next]
    const places = [...hand].filter((place) => place !== 0)
    hand.fill(0)
    const inHand = new Set(places.map((place) => (place < 0 ? ~place : place - 1)))
    // The thread may have ended between the entry and the place: then the entry is newer, and in
    // the device.
    const connections = places.length === 0 ? [] : this.#takeInDevice((fd) => inHand.has(fd))
    const taken = new Set(connections.map(({ fd }) => fd))
    counters.repairHand(worker, next === -1 ? null : next + Number(taken.has(nextFd)))
    const unknown = places.flatMap((place) => (place < 0 && !taken.has(~place) ? [~place] : []))
    return { connections, fds: [...unknown, ...this.#takeOwn(worker)] }
  }

  /**
   * The fd that the worker had accepted for itself and not entered. Once it is entered,
   * `takeOwnedBy` finds it.
   */
  #takeOwn(worker: number): number[] {
    const { entries, shift } = this.#ledger
    const [place] = shift.ownOf(worker)
    shift.emptyOwn(worker)
    if (place >= 0) return []
    const word = entries.has(~place) ? entries.load(~place) : FREE
    return stateOf(word) >= ADOPTING && ownerOf(word) === worker ? [] : [~place]
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
