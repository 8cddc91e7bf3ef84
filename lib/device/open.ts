import { NodeDlbError } from '../errors.ts'
import { checkChoice, checkInteger, readFields, readOptions, show } from './check.ts'
import type { Device, DeviceKind, DomainToken, SchedulingDomain } from './device.ts'
import { OpenDlbDevice } from './dlb/device.ts'
import { DlbDomainView } from './dlb/domain.ts'
import { type DlbOpenOptions, noDlbDevice } from './dlb/library.ts'
import type { DlbDevice } from './dlb/types.ts'
import { SoftwareDevice } from './software/device.ts'
import { SoftwareDomain } from './software/domain.ts'
import { wrongToken } from './validate.ts'

/** `id` and `library` apply to the DLB device. */
export interface OpenOptions extends DlbOpenOptions {
  /** The device to open. Default `auto`: the DLB device if one opens, else the software device. */
  readonly device?: 'auto' | DeviceKind
  /**
   * What happens if `device: 'dlb'` does not open: the software device opens instead, or
   * `openDevice` throws (default).
   */
  readonly fallback?: 'software' | 'none'
}

const choices = ['auto', 'dlb', 'software']
const fallbacks = ['software', 'none']
/** Errors after which the software device replaces the DLB device. */
const lacking = ['ERR_DLB_DEVICE_UNAVAILABLE', 'ERR_DLB_ADDON_UNAVAILABLE']

/**
 * Chooses and opens a queue device. The device's `reason` says why it was chosen. The environment
 * variable NODE_DLB_DEVICE, if set, is used if the option `device` is absent.
 *
 * `auto` tries DLB if there is a /dev/dlb<n>, or if a library is named. Otherwise it does not need
 * the addon.
 * @throws ERR_DLB_INVALID_ARGUMENT, and for `dlb` ERR_DLB_DEVICE_UNAVAILABLE,
 *   ERR_DLB_ADDON_UNAVAILABLE
 */
export function openDevice(options: OpenOptions = {}): Device {
  // An empty variable counts as not set: shells cannot always unset one.
  const { device = process.env.NODE_DLB_DEVICE || 'auto', fallback = 'none' } = readOptions('options', options, [
    'device',
    'fallback',
  ])
  checkChoice('device', device, choices)
  checkChoice('fallback', fallback, fallbacks)
  const which = readDlbOptions(options)
  if (device === 'software') return new SoftwareDevice('asked for')
  if (device === 'dlb' && fallback !== 'software') return new OpenDlbDevice(which, 'asked for')
  const missing = device === 'auto' ? noDlbDevice(which) : null
  if (missing !== null) return new SoftwareDevice(missing)
  try {
    return new OpenDlbDevice(which, device === 'dlb' ? 'asked for' : 'auto found it')
  } catch (error) {
    if (!(error instanceof NodeDlbError) || !lacking.includes(error.code)) throw error
    return new SoftwareDevice(`instead of DLB: ${error.message}`)
  }
}

/**
 * Opens a DLB device, as a type that has all that it offers beyond the contract.
 * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_ADDON_UNAVAILABLE
 */
export function openDlbDevice(options: DlbOpenOptions = {}): DlbDevice {
  return new OpenDlbDevice(readDlbOptions(options), 'asked for')
}

/**
 * Gives the calling thread access to a domain that another thread of this process has shared.
 * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_CLOSED, ERR_DLB_NO_RESOURCES (a domain has at most 256
 *   attachments at a time)
 */
export function attachDomain(token: DomainToken): SchedulingDomain {
  const { nodeDlbDomain } = readFields('token', token, ['nodeDlbDomain'])
  if (nodeDlbDomain === 'software') return SoftwareDomain.attach(token)
  if (nodeDlbDomain === 'dlb') return DlbDomainView.attach(token)
  throw wrongToken()
}

function readDlbOptions(options: DlbOpenOptions): DlbOpenOptions {
  const which = readOptions('options', options, ['id', 'library'])
  const { id, library } = which
  if (id !== undefined) checkInteger('id', id, 0, 63)
  if (library !== undefined && (typeof library !== 'string' || library === '' || library.includes('\0'))) {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `library must be a path or a name, not ${show(library)}`)
  }
  return which
}
