/**
 * What the threads of a test share, beside the device: marks for each event, and counters by which
 * threads signal each other. Events are numbered from 0, in the low half of their data64; the high
 * half is the flow.
 */
export interface Board {
  /** By event: how often a consumer received it. */
  readonly received: Uint8Array<SharedArrayBuffer>
  /** By event: how often one that received it released it, having counted before. */
  readonly released: Uint8Array<SharedArrayBuffer>
  /** By event: how often it came to the sink, forwarded. */
  readonly arrived: Uint8Array<SharedArrayBuffer>
  /**
   * By flow: the member that holds events of it, plus 1; and the number of the last one received,
   * plus 1.
   */
  readonly holders: Int32Array<SharedArrayBuffer>
  readonly lastOfFlow: Int32Array<SharedArrayBuffer>
  /** By member: `memberWords` of them. */
  readonly members: Int32Array<SharedArrayBuffer>
  readonly control: Int32Array<SharedArrayBuffer>
}

export const control = {
  sent: 0,
  done: 1,
  goal: 2,
  producersStop: 3,
  consumersStop: 4,
  failures: 5,
  nap: 6,
  ready: 7,
  /** The number of events that may be sent, give or take a batch of each producer. */
  allowed: 8,
} as const
/**
 * `offered` and `accepted`: numbers from the producer's first on. `until`: the operation at which
 * `hit` is raised.
 */
export const member = { operations: 0, until: 1, hit: 2, offered: 3, accepted: 4, events: 5, words: 16 } as const

export function makeBoard(events: number, flows: number, members: number): Board {
  const words = (n: number) => new Int32Array(new SharedArrayBuffer(n * 4))
  const bytes = () => new Uint8Array(new SharedArrayBuffer(events))
  const controls = words(16)
  controls[control.allowed] = events
  return {
    received: bytes(),
    released: bytes(),
    arrived: bytes(),
    holders: words(flows),
    lastOfFlow: words(flows),
    members: words(members * member.words),
    control: controls,
  }
}

export function add(board: Board, word: number, n: number): number {
  return Atomics.add(board.control, word, n) + n
}

export function read(board: Board, word: number): number {
  return Atomics.load(board.control, word)
}

export function set(board: Board, word: number, value: number): void {
  Atomics.store(board.control, word, value)
  Atomics.notify(board.control, word)
}

/** `n` more events have gone all their way; the one that reaches the goal says so. */
export function countDone(board: Board, n: number): void {
  const done = add(board, control.done, n)
  if (done >= read(board, control.goal)) Atomics.notify(board.control, control.done)
}

export function memberWord(board: Board, index: number, word: number): number {
  return Atomics.load(board.members, index * member.words + word)
}

export function setMemberWord(board: Board, index: number, word: number, value: number): void {
  Atomics.store(board.members, index * member.words + word, value)
}

/**
 * One more operation of a member; it is seen from outside when the count comes to where somebody
 * waits for it.
 */
export function countOperation(board: Board, index: number): void {
  const base = index * member.words
  const now = Atomics.add(board.members, base + member.operations, 1) + 1
  if (now !== Atomics.load(board.members, base + member.until)) return
  Atomics.store(board.members, base + member.hit, 1)
  Atomics.notify(board.members, base + member.hit)
}

/** Gives the core away: there is nothing to do, and nobody says when there is. */
export function nap(board: Board): void {
  Atomics.wait(board.control, control.nap, 0, 0.05)
}

/** Events that a consumer of an ordered queue releases instead of forwarding them. */
export function isGap(number: number): boolean {
  return number % 11 === 3
}
