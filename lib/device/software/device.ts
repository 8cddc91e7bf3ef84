import { NodeDlbError } from '../../errors.ts'
import { readOptions } from '../check.ts'
import type { Capabilities, Device, DomainConfig, Resources } from '../device.ts'
import { readSlots, type Slots } from '../sequence-slots.ts'
import { checkBounds, checkFree, checkPartCounts, checkPortsForQueues, deviceClosed, deviceInUse } from '../validate.ts'
import { SoftwareDomain } from './domain.ts'
import type { FixedConfig } from './layout.ts'

/**
 * The resources of the software device. They are those of the hardware, except for entries, credits
 * and ordered queues, which cost only memory here.
 */
const total: Readonly<Resources> = {
  domains: 32,
  loadBalancedQueues: 32,
  loadBalancedPorts: 64,
  directedPorts: 64,
  eventStateEntries: 65_536,
  credits: 65_536,
  sequenceNumberSlots: 32,
}

const capabilities: Capabilities = { flowIdOnReceive: true, combinedCredits: true, eventWeight: false }

type Share = Exclude<keyof Resources, 'domains'>
const shares = Object.keys(total).filter((name) => name !== 'domains') as Share[]

/**
 * The queue device in software: pure TypeScript over shared memory, for any machine. It has no
 * thread of its own.
 */
export class SoftwareDevice implements Device {
  readonly kind = 'software'
  readonly id = 0
  readonly version = 'software'
  readonly reason: string
  readonly capabilities = capabilities
  readonly #free: Resources = { ...total }
  readonly #domainIds = new Set<number>()
  #closed = false

  constructor(reason: string) {
    this.reason = reason
  }

  resources(): Resources {
    this.#checkOpen()
    return { ...this.#free }
  }

  createDomain(config: DomainConfig): SoftwareDomain {
    this.#checkOpen()
    const { fixed, slots } = complete(config)
    checkFree(this.#free, fixed)
    if (this.#free.domains === 0) throw new NodeDlbError('ERR_DLB_NO_RESOURCES', 'all 32 domains are in use; close one')
    let id = 0
    while (this.#domainIds.has(id)) id++
    const domain = SoftwareDomain.create(id, fixed, slots, () => this.#giveBack(id, fixed))
    this.#domainIds.add(id)
    this.#free.domains--
    for (const name of shares) this.#free[name] -= fixed[name]
    return domain
  }

  close(): void {
    if (this.#domainIds.size > 0) throw deviceInUse(this.#domainIds.size)
    this.#closed = true
  }

  #giveBack(id: number, config: FixedConfig): void {
    this.#domainIds.delete(id)
    this.#free.domains++
    for (const name of shares) this.#free[name] += config[name]
  }

  #checkOpen(): void {
    if (this.#closed) throw deviceClosed()
  }
}

function complete(config: DomainConfig): { fixed: FixedConfig; slots: Slots } {
  const given = readOptions('config', config, [...shares, 'sequenceNumbers'])
  const { loadBalancedQueues = 0, loadBalancedPorts = 0, directedPorts = 0 } = given
  const slots = readSlots(given)
  checkPartCounts({ loadBalancedQueues, loadBalancedPorts, directedPorts })
  checkPortsForQueues(loadBalancedQueues, loadBalancedPorts)
  const { eventStateEntries = 64 * loadBalancedPorts } = given
  const { credits = 64 * (loadBalancedPorts + directedPorts) + 256 } = given
  checkBounds(eventStateEntries, credits, loadBalancedPorts)
  const counts = { loadBalancedQueues, loadBalancedPorts, directedPorts, eventStateEntries, credits }
  return { fixed: { ...counts, sequenceNumberSlots: slots.count }, slots }
}
