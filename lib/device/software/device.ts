import { NodeDlbError } from '../../errors.ts'
import { checkInteger, checkPortsForQueues, readOptions } from '../check.ts'
import type { Capabilities, Device, DomainConfig, Resources } from '../device.ts'
import { readSlots, type Slots } from '../sequence-slots.ts'
import { SoftwareDomain } from './domain.ts'
import type { FixedConfig } from './layout.ts'

/**
 * As the hardware has, but for entries, credits and ordered queues, which cost only memory here.
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
    for (const name of shares) {
      if (fixed[name] > this.#free[name]) {
        throw new NodeDlbError(
          'ERR_DLB_NO_RESOURCES',
          `the device has ${this.#free[name]} ${name} left, and the domain asks for ${fixed[name]}`,
        )
      }
    }
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
    if (this.#domainIds.size > 0) {
      throw new NodeDlbError(
        'ERR_DLB_IN_USE',
        `${this.#domainIds.size} domains of the device are open; close them first`,
      )
    }
    this.#closed = true
  }

  #giveBack(id: number, config: FixedConfig): void {
    this.#domainIds.delete(id)
    this.#free.domains++
    for (const name of shares) this.#free[name] += config[name]
  }

  #checkOpen(): void {
    if (this.#closed) throw new NodeDlbError('ERR_DLB_CLOSED', 'the device is closed; open it again')
  }
}

function complete(config: DomainConfig): { fixed: FixedConfig; slots: Slots } {
  const given = readOptions('config', config, [...shares, 'sequenceNumbers'])
  const { loadBalancedQueues = 0, loadBalancedPorts = 0, directedPorts = 0 } = given
  const slots = readSlots(given)
  checkInteger('loadBalancedQueues', loadBalancedQueues, 0, Number.MAX_SAFE_INTEGER)
  checkInteger('loadBalancedPorts', loadBalancedPorts, 0, Number.MAX_SAFE_INTEGER)
  checkInteger('directedPorts', directedPorts, 0, Number.MAX_SAFE_INTEGER)
  checkPortsForQueues(loadBalancedQueues, loadBalancedPorts)
  const { eventStateEntries = 64 * loadBalancedPorts } = given
  const { credits = 64 * (loadBalancedPorts + directedPorts) + 256 } = given
  checkInteger('eventStateEntries', eventStateEntries, loadBalancedPorts, Number.MAX_SAFE_INTEGER)
  checkInteger('credits', credits, 1, Number.MAX_SAFE_INTEGER)
  const counts = { loadBalancedQueues, loadBalancedPorts, directedPorts, eventStateEntries, credits }
  return { fixed: { ...counts, sequenceNumberSlots: slots.count }, slots }
}
