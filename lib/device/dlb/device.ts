import { NodeDlbError } from '../../errors.ts'
import { loadAddon } from '../../native.ts'
import type { NativeDlbDevice, NativeResources } from '../../native-dlb.ts'
import { checkInteger } from '../check.ts'
import type { Resources } from '../device.ts'
import { deviceClosed, deviceInUse } from '../validate.ts'
import { DomainConfiguration } from './configuration.ts'
import { DlbDomainView } from './domain.ts'
import { completeConfig, contractResources } from './domain-config.ts'
import { calling } from './failure.ts'
import { type DlbOpenOptions, openNative } from './library.ts'
import type { Group } from './sequence-numbers.ts'
import type { DlbCapabilities, DlbDevice, DlbDomain, DlbDomainConfig } from './types.ts'

/** A DLB device of this machine, through libdlb. */
export class OpenDlbDevice implements DlbDevice {
  readonly kind = 'dlb'
  readonly id: number
  readonly version: string
  readonly reason: string
  readonly library: string
  readonly standIn: boolean
  readonly capabilities: DlbCapabilities
  readonly #native: NativeDlbDevice
  #openDomains = 0
  #closed = false

  /** @throws ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_ADDON_UNAVAILABLE */
  constructor(options: DlbOpenOptions, reason: string, open = openNative) {
    const { native, id, instead } = open(options)
    const { library, standIn, capabilities } = native.facts()
    this.#native = native
    this.id = id
    this.reason = instead ?? reason
    this.library = library
    this.standIn = standIn
    this.capabilities = readCapabilities(capabilities)
    const version = this.capabilities.combinedCredits ? 'DLB 2.5' : 'DLB 2.0'
    this.version = standIn ? `${version} (stand-in)` : version
  }

  resources(): Resources {
    this.#checkOpen()
    return contractResources(...this.#free())
  }

  createDomain(config: DlbDomainConfig): DlbDomain {
    this.#checkOpen()
    if (this.#native.facts().poisoned) {
      throw new NodeDlbError(
        'ERR_DLB_DEVICE_FAILED',
        'an earlier creation of a domain failed halfway; open the device again',
      )
    }
    const complete = completeConfig(config, ...this.#free(), this.capabilities.combinedCredits)
    const domain = calling('createDomain', () => new (loadAddon().DlbDomain)(this.#native, complete.native), {
      EINVAL: ['ERR_DLB_NO_RESOURCES', 'the device has less left than was asked for'],
    })
    this.#openDomains++
    const configuration = new DomainConfiguration(domain, complete, this.capabilities.eventWeight)
    return new DlbDomainView(domain, configuration, () => this.#openDomains--)
  }

  sequenceNumbers(group: 0 | 1): { readonly perQueue: number; readonly occupied: number } {
    this.#checkOpen()
    checkInteger('group', group, 0, 1)
    return calling('the device', () => this.#native.sequenceNumbers(group))
  }

  sequenceNumberGroups(): { readonly groups: number; readonly least: number | undefined } {
    this.#checkOpen()
    return calling('the device', () => this.#native.sequenceNumberGroups())
  }

  setSequenceNumbers(group: 0 | 1, perQueue: number): void {
    this.#checkOpen()
    checkInteger('group', group, 0, 1)
    checkInteger('perQueue', perQueue, 64, 1024)
    calling('setSequenceNumbers', () => this.#native.setSequenceNumbers(group, perQueue), {
      EPERM: ['ERR_DLB_IN_USE', 'a domain has slots of the group'],
      EINVAL: ['ERR_DLB_INVALID_ARGUMENT', 'perQueue is 64, 128, 256, 512 or 1024'],
    })
  }

  close(): void {
    if (this.#closed) return
    if (this.#openDomains > 0) throw deviceInUse(this.#openDomains)
    calling('close', () => this.#native.close())
    this.#closed = true
  }

  #free(): [NativeResources, Group[]] {
    return calling('the device', () => {
      const free = this.#native.resources()
      const groups = free.sequenceNumberSlots.map((slots, i) => ({ ...this.#native.sequenceNumbers(i), free: slots }))
      return [free, groups]
    })
  }

  #checkOpen(): void {
    if (this.#closed) throw deviceClosed()
  }
}

/** `dlb_dev_cap_t` */
function readCapabilities(flags: number): DlbCapabilities {
  const has = (bit: number): boolean => (flags & (1 << bit)) !== 0
  return {
    flowIdOnReceive: has(0),
    classOfService: has(1),
    queueDepthThreshold: has(2),
    lockIdCompression: has(3),
    combinedCredits: has(4),
    eventWeight: has(5),
    fragments: has(6),
  }
}
