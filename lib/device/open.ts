import { NodeDlbError } from '../errors.ts'
import { checkInteger } from './check.ts'
import type { Device, DeviceKind, DomainToken, SchedulingDomain } from './device.ts'
import { OpenDlbDevice } from './dlb/device.ts'
import { DlbDomainView } from './dlb/domain.ts'
import type { DlbOpenOptions } from './dlb/library.ts'
import type { DlbDevice } from './dlb/types.ts'
import { SoftwareDevice } from './software/device.ts'
import { SoftwareDomain } from './software/domain.ts'

/** `id` and `library` are for the DLB device. */
export interface OpenOptions extends DlbOpenOptions {
  /** Default `auto`: the best device that this machine has. */
  readonly device?: 'auto' | DeviceKind
}

const choices = ['auto', 'dlb', 'software']
const notLookedFor = "auto does not look for DLB hardware in this version; device 'dlb' does"

/**
 * Chooses and opens a queue device. The environment variable NODE_DLB_DEVICE, where set, stands for an absent option.
 *
 * This version chooses the DLB device only when told to.
 * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_ADDON_UNAVAILABLE
 */
export function openDevice(options: OpenOptions = {}): Device {
  const device = options.device ?? process.env.NODE_DLB_DEVICE ?? 'auto'
  if (!choices.includes(device)) {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `device must be one of ${choices.join(', ')}, not ${device}`)
  }
  if (device === 'dlb') return openDlbDevice(options)
  return new SoftwareDevice(device === 'software' ? 'asked for' : notLookedFor)
}

/**
 * Opens a DLB device, with all that it has beyond the contract.
 * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_ADDON_UNAVAILABLE
 */
export function openDlbDevice(options: DlbOpenOptions = {}): DlbDevice {
  if (options.id !== undefined) checkInteger('id', options.id, 0, 63)
  return new OpenDlbDevice(options, 'asked for')
}

/**
 * The domain that another thread of this process has shared, for the calling thread.
 * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_CLOSED, ERR_DLB_NO_RESOURCES (256 attachments at a time)
 */
export function attachDomain(token: DomainToken): SchedulingDomain {
  if (token?.nodeDlbDomain === 'software') return SoftwareDomain.attach(token)
  if (token?.nodeDlbDomain === 'dlb') return DlbDomainView.attach(token)
  throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', 'the token is not what share() returned, or a copy of it')
}
