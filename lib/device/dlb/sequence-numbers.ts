import { NodeDlbError } from '../../errors.ts'
import type { NativeDlbDevice, NativeDlbDomain } from '../../native-dlb.ts'
import { calling, isSystemError } from './failure.ts'

/**
 * A domain's sequence number slots. The device has two groups of 1,024 numbers; all slots of a group are of one size, and a
 * group's size can be changed while no queue has a slot of it. libdlb wants to know how many slots of which group when the domain
 * is created, while the contract tells the sizes only when queues are. So a domain takes as many from either group, and
 * a group gets its size when the first queue needs it. Two sizes at a time are all that a device can do.
 */
export class SequenceNumbers {
  readonly #device: NativeDlbDevice
  readonly #domain: NativeDlbDomain
  readonly #total: number
  readonly #left: number[]
  #taken = 0

  /** @param total the domain's slots; `perGroup`: what it has of each group. */
  constructor(device: NativeDlbDevice, domain: NativeDlbDomain, total: number, perGroup: readonly number[]) {
    this.#device = device
    this.#domain = domain
    this.#total = total
    this.#left = [...perGroup]
  }

  /**
   * Readies a group for a queue with so many numbers.
   * @returns what to call when the queue has been created.
   * @throws ERR_DLB_NO_RESOURCES
   */
  prepare(perQueue: number): () => void {
    if (this.#taken >= this.#total) {
      throw new NodeDlbError(
        'ERR_DLB_NO_RESOURCES',
        `the domain's sequenceNumberSlots (${this.#total}) are used up; create it with more`,
      )
    }
    const group = this.#find(perQueue)
    return () => {
      this.#taken++
      this.#left[group]--
    }
  }

  #find(perQueue: number): number {
    const groups = calling('createLoadBalancedQueue', () =>
      this.#left.map((left, group) => ({ ...this.#device.sequenceNumbers(group), left, group })),
    )
    const open = groups.filter(({ left }) => left > 0)
    const fitting = open.find((group) => group.perQueue === perQueue && group.occupied < 1024 / perQueue)
    if (fitting !== undefined) return fitting.group
    for (const { group, occupied } of open) {
      if (occupied === 0 && this.#resize(group, perQueue)) return group
    }
    throw new NodeDlbError(
      'ERR_DLB_NO_RESOURCES',
      `no queue with ${perQueue} sequence numbers can be had: the device's groups are divided into ` +
        `${groups.map((group) => `${group.perQueue} per queue, ${group.occupied} in use`).join('; ')}`,
    )
  }

  #resize(group: number, perQueue: number): boolean {
    try {
      this.#domain.setSequenceNumbers(group, perQueue)
      return true
    } catch (error) {
      // A queue of another process has just taken a slot.
      if (isSystemError(error)) return false
      throw error
    }
  }
}
