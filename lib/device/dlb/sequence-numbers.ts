import { NodeDlbError } from '../../errors.ts'
import { noSlot, type Slots } from '../sequence-slots.ts'

/** How many sequence numbers each of the device's groups has. */
const numbersPerGroup = 1024

/**
 * A group of sequence numbers, all of whose slots have the same size. The driver counts a slot as
 * occupied from when it is assigned to a domain, used or not. It changes a group's slot size only
 * while none is occupied.
 */
export interface Group {
  readonly perQueue: number
  readonly occupied: number
  /** Slots that a domain can still get. */
  readonly free: number
}

/** What a domain takes from each group, by the group's index. */
export interface SlotPlan {
  /** How many slots it takes. */
  readonly slots: readonly number[]
  /** How many sequence numbers each of those slots has. */
  readonly perQueue: readonly number[]
}

/**
 * The most ordered queues that a domain can have whose config does not say which size they have.
 */
export function freeSlots(groups: readonly Group[]): number {
  const bySize = new Map<number, number>()
  for (const { perQueue, free } of groups) bySize.set(perQueue, (bySize.get(perQueue) ?? 0) + free)
  return Math.max(0, ...bySize.values())
}

/**
 * Decides which slots a domain takes, and how the groups are divided for it. This happens before
 * the domain is created, because the creation fixes the domain's slots.
 * @throws ERR_DLB_NO_RESOURCES
 */
export function planSlots(groups: readonly Group[], { count, sizes }: Slots): SlotPlan {
  const perQueue = groups.map((group) => group.perQueue)
  // It is not known which of the sizes the queues will have, so the domain takes `count` slots of
  // each size.
  if (sizes === null)
    return {
      slots: allot(
        groups,
        perQueue,
        [...new Set(perQueue)].map((size) => [size, count]),
      ),
      perQueue,
    }
  const wanted = new Map<number, number>()
  for (const size of sizes) wanted.set(size, (wanted.get(size) ?? 0) + 1)
  for (const division of divisions(groups, [...wanted.keys()])) {
    const slots = allot(groups, division, [...wanted])
    if (slots.reduce((sum, n) => sum + n, 0) === sizes.length) return { slots, perQueue: division }
  }
  throw new NodeDlbError(
    'ERR_DLB_NO_RESOURCES',
    `the device cannot have queues with ${sizes.join(', ')} sequence numbers: ` +
      `it has two groups of ${numbersPerGroup}, each for queues of one size, ` +
      `divided into ${groups.map((group) => `${group.perQueue} per queue, ${group.occupied} in use`).join('; ')}`,
  )
}

/** The ways to divide the groups, those with the fewest changes first. */
function divisions(groups: readonly Group[], sizes: readonly number[]): number[][] {
  let all: number[][] = [[]]
  for (const { perQueue, occupied } of groups) {
    const choices = occupied > 0 ? [perQueue] : [...new Set([perQueue, ...sizes])]
    all = all.flatMap((division) => choices.map((size) => [...division, size]))
  }
  const changes = (division: number[]) => division.filter((size, group) => size !== groups[group].perQueue).length
  return all.sort((a, b) => changes(a) - changes(b))
}

/**
 * Takes slots first from groups that are in use, so that the other groups can still be divided
 * differently for other domains.
 */
function allot(
  groups: readonly Group[],
  division: readonly number[],
  wanted: readonly (readonly [number, number])[],
): number[] {
  const slots = groups.map(() => 0)
  const order = groups.map((_, group) => group).sort((a, b) => groups[b].occupied - groups[a].occupied)
  for (const [size, count] of wanted) {
    let left = count
    for (const group of order) {
      if (division[group] !== size) continue
      const { perQueue, free } = groups[group]
      slots[group] = Math.min(left, perQueue === size ? free : numbersPerGroup / size)
      left -= slots[group]
    }
  }
  return slots
}

/** A domain's slots, which its queues take one by one. */
export class SequenceNumbers {
  readonly #slots: Slots
  readonly #perQueue: readonly number[]
  readonly #left: number[]
  #taken = 0

  constructor(slots: Slots, plan: SlotPlan) {
    this.#slots = slots
    this.#perQueue = plan.perQueue
    this.#left = [...plan.slots]
  }

  /** @throws ERR_DLB_NO_RESOURCES */
  check(perQueue: number): void {
    if (this.#taken >= this.#slots.count || this.#find(perQueue) === -1) throw noSlot(perQueue, this.#slots)
  }

  take(perQueue: number): void {
    this.#taken++
    this.#left[this.#find(perQueue)]--
  }

  #find(perQueue: number): number {
    return this.#left.findIndex((left, group) => left > 0 && this.#perQueue[group] === perQueue)
  }
}
