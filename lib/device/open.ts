import { NodeDlbError } from '../errors.ts'
import type { Device, DeviceKind, DomainToken, SchedulingDomain } from './device.ts'
import { SoftwareDevice } from './software/device.ts'
import { SoftwareDomain } from './software/domain.ts'

export interface OpenOptions {
  /** Default `auto`: the best device that this machine has. */
  readonly device?: 'auto' | DeviceKind
}

const choices = ['auto', 'dlb', 'software']

/**
 * Chooses and opens a queue device. The environment variable NODE_DLB_DEVICE, where set, stands for an absent option.
 *
 * This version has the software device only; `dlb` fails.
 * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_DEVICE_UNAVAILABLE
 */
export function openDevice(options: OpenOptions = {}): Device {
  const device = options.device ?? process.env.NODE_DLB_DEVICE ?? 'auto'
  if (!choices.includes(device)) {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `device must be one of ${choices.join(', ')}, not ${device}`)
  }
  if (device === 'dlb') {
    throw new NodeDlbError(
      'ERR_DLB_DEVICE_UNAVAILABLE',
      "this version of node-dlb has no support for the DLB hardware yet; use device 'software' or 'auto'",
    )
  }
  const asked = device === 'software'
  return new SoftwareDevice(asked ? 'asked for' : 'this version of node-dlb has no support for the DLB hardware yet')
}

/**
 * The domain that another thread of this process has shared, for the calling thread.
 * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_CLOSED, ERR_DLB_NO_RESOURCES (256 attachments at a time)
 */
export function attachDomain(token: DomainToken): SchedulingDomain {
  if (token?.nodeDlbDomain !== 'software') {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', 'the token is not what share() returned, or a copy of it')
  }
  return SoftwareDomain.attach(token)
}
