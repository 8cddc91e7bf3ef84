import { NodeDlbError } from '../../errors.ts'
import type { NativeDomainConfig, NativeResources } from '../../native-dlb.ts'
import { checkInteger, readFields, readOptions } from '../check.ts'
import type { Resources } from '../device.ts'
import { readSlots, type Slots } from '../sequence-slots.ts'
import { checkBounds, checkFree, checkPartCounts, checkPortsForQueues } from '../validate.ts'
import { freeSlots, type Group, planSlots } from './sequence-numbers.ts'
import type { DlbDomainConfig } from './types.ts'

/**
 * The number of credits per port that libdlb's pool has beyond the domain's bound: a port takes 32
 * at a time from the pool to send, and keeps up to 64 of those of the events that it received
 * (native/dlb/port_interrupts.cc).
 */
const keptByPort = 96

const configNames = [
  'loadBalancedQueues',
  'loadBalancedPorts',
  'directedPorts',
  'eventStateEntries',
  'credits',
  'sequenceNumberSlots',
  'sequenceNumbers',
  'portsPerClass',
] as const

/**
 * The free resources in the contract's terms: with one credit pool, even for DLB 2.0, whose second
 * pool, for directed events, is not shown here (`capabilities.combinedCredits`).
 */
export function contractResources(free: NativeResources, groups: readonly Group[]): Resources {
  return {
    domains: free.domains,
    loadBalancedQueues: free.loadBalancedQueues,
    loadBalancedPorts: free.loadBalancedPorts,
    directedPorts: free.directedPorts,
    // The entries of a domain are contiguous.
    eventStateEntries: free.contiguousEventStateEntries,
    credits: free.credits,
    sequenceNumberSlots: freeSlots(groups),
  }
}

/** The config for libdlb, and the ordered queues that it provides for. */
export interface CompleteConfig {
  readonly native: NativeDomainConfig
  readonly slots: Slots
}

/**
 * Checks a domain's config, adds the defaults, and turns it into the config for libdlb.
 * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_NO_RESOURCES
 */
export function completeConfig(
  config: DlbDomainConfig,
  free: NativeResources,
  groups: readonly Group[],
  combined: boolean,
): CompleteConfig {
  const given = readOptions('config', config, configNames)
  const { loadBalancedQueues = 0, loadBalancedPorts = 0, directedPorts = 0 } = given
  const slots = readSlots(given)
  checkPartCounts({ loadBalancedQueues, loadBalancedPorts, directedPorts })
  const { portsPerClass: perClass = [0, 0, 0, 0] } = given
  const classes = readFields('portsPerClass', perClass, [0, 1, 2, 3])
  const portsPerClass = [0, 1, 2, 3].map((i) => classes[i as 0 | 1 | 2 | 3])
  for (let i = 0; i < 4; i++) checkInteger(`portsPerClass[${i}]`, portsPerClass[i], 0, 16)
  const balanced = portsPerClass.reduce((sum, ports) => sum + ports, loadBalancedPorts)
  checkPortsForQueues(loadBalancedQueues, balanced)
  const resources = contractResources(free, groups)
  const { eventStateEntries = Math.min(64 * balanced, Math.max(balanced, resources.eventStateEntries)) } = given
  const { credits = 64 * (balanced + directedPorts) + 256 } = given
  checkBounds(eventStateEntries, credits, balanced)

  // The possible number of slots depends on their sizes; `planSlots` checks it.
  const sequenceNumberSlots = slots.sizes === null ? slots.count : 0
  const wanted = { loadBalancedQueues, directedPorts, eventStateEntries, credits, sequenceNumberSlots }
  checkFree(resources, { ...wanted, loadBalancedPorts: balanced, domains: 1 })
  if (!combined && directedPorts > 0 && free.directedCredits === 0) {
    throw new NodeDlbError(
      'ERR_DLB_NO_RESOURCES',
      'the device has 0 directedCredits left, which directed events need on DLB 2.0',
    )
  }
  const kept = keptByPort * (balanced + directedPorts)
  const plan = planSlots(groups, slots)
  const native = {
    loadBalancedQueues,
    loadBalancedPorts,
    portsPerClass,
    directedPorts,
    eventStateEntries,
    credits,
    // A domain that asks for the last credits gets them without the margin. A send may then take
    // fewer events than the bound allows.
    pool: Math.min(credits + kept, free.credits),
    directedPool: combined || directedPorts === 0 ? 0 : Math.min(credits + kept, free.directedCredits),
    sequenceNumberSlots: plan.slots,
    sequenceNumbers: plan.perQueue,
  }
  return { native, slots }
}
