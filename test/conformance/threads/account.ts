import type { Test } from 'tap'
import { isGap, member, memberWord, setMemberWord } from './board.ts'
import type { Team } from './team.ts'

/** How an event that was offered to `send` by a thread that then died may end. */
const never = 0
const maybe = 1
const accepted = 2

/**
 * Accounts for every event when threads die: what was accepted, what came out where, and what was
 * recovered.
 */
export class Account {
  readonly #team: Team
  readonly #fates: Uint8Array
  readonly #recovered: Uint8Array
  /** By sender: the first number of its present thread. */
  readonly #from: number[]
  /** Batches of which it is not known how much was accepted. */
  readonly #doubtful: { readonly from: number; readonly to: number }[] = []
  /**
   * Events that a dying thread may have completed without marking them: those of one call, for each
   * death.
   */
  forgiven = 0

  constructor(team: Team) {
    const { events } = team.plan
    this.#team = team
    this.#fates = new Uint8Array(events)
    this.#recovered = new Uint8Array(events)
    this.#from = Array.from({ length: team.senders }, (_, i) => i * Math.floor(events / team.senders))
  }

  /** The number that a sender's next thread begins with, once the one before has ended. */
  settleSender(index: number): number {
    const { board } = this.#team
    const from = this.#from[index]
    const acceptedTo = from + memberWord(board, index, member.accepted)
    const offeredTo = Math.max(acceptedTo, from + memberWord(board, index, member.offered))
    this.#fates.fill(accepted, from, acceptedTo)
    this.#fates.fill(maybe, acceptedTo, offeredTo)
    if (offeredTo > acceptedTo) this.#doubtful.push({ from: acceptedTo, to: offeredTo })
    this.#from[index] = offeredTo
    setMemberWord(board, index, member.offered, 0)
    setMemberWord(board, index, member.accepted, 0)
    return offeredTo
  }

  /** The consumer has died, and these were recovered from its port. */
  settleConsumer(numbers: readonly number[], mostForgotten: number): void {
    for (const number of numbers) this.#recovered[number]++
    this.forgiven += mostForgotten
  }

  /**
   * @param forwards whether the event's consumers forward it, unless it is a gap.
   * @param sinkDied what the sink received in its last call, which completes it, may be unseen too.
   */
  check(t: Test, forwards: (number: number) => boolean, sinkDied: boolean): void {
    const wrong: string[] = []
    let forgotten = 0
    for (const [number, fate] of this.#fates.entries()) {
      if (fate !== accepted && this.#isAbsent(number)) continue
      const marks = this.#marksOf(number)
      const { received, released, arrived, recovered } = marks
      const ends = released + arrived + recovered
      // It was seen, completed, and its thread died before it could say so.
      const lost = received === 1 && ends === 0
      if (lost) forgotten++
      const through = forwards(number) && !isGap(number)
      const right =
        fate !== never &&
        received <= 1 &&
        (lost ? sinkDied || !through : ends === 1) &&
        (through ? released : arrived) === 0
      if (!right) wrong.push(`${number} (fate ${fate}): ${JSON.stringify(marks)}`)
    }
    t.same(wrong.slice(0, 10), [], 'each event came once, or was recovered, or was not accepted')
    t.ok(
      forgotten <= this.forgiven,
      `${forgotten} of at most ${this.forgiven} were completed unseen by threads that died`,
    )
    for (const { from, to } of this.#doubtful) this.#checkPrefix(t, from, to)
  }

  #checkPrefix(t: Test, from: number, to: number): void {
    const came = Array.from({ length: to - from }, (_, i) => !this.#isAbsent(from + i))
    const first = came.indexOf(false)
    if (first >= 0 && came.lastIndexOf(true) > first) t.fail(`of ${from}–${to - 1}, not the first ones were accepted`)
  }

  #isAbsent(number: number): boolean {
    const { received, released, arrived } = this.#team.board
    return received[number] + released[number] + arrived[number] + this.#recovered[number] === 0
  }

  #marksOf(number: number) {
    const { received, released, arrived } = this.#team.board
    return {
      received: received[number],
      released: released[number],
      arrived: arrived[number],
      recovered: this.#recovered[number],
    }
  }
}
