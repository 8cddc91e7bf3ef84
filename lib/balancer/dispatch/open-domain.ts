import type { Device } from '../../device/device.ts'
import { openDevice } from '../../device/open.ts'
import { SoftwareDevice } from '../../device/software/device.ts'
import { NodeDlbError } from '../../errors.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { ConnectionDomain, type DeviceFacts, type DomainHost } from './connection-domain.ts'
import { Policies } from './policies/index.ts'
import { isOwnAccepting, type PolicyName } from './policies/names.ts'

/**
 * Opens a domain on the device that the options ask for. If that is a DLB device and it cannot be
 * had or set up, opens what `fallbackPolicy` says.
 * @throws ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_NO_RESOURCES, ERR_DLB_DEVICE_FAILED; then nothing is
 *   left open
 */
export function openDomain(options: ResolvedOptions, host: DomainHost): ConnectionDomain {
  const { listeners, device: kind, id, library } = options
  if ([...listeners.policies].every(isOwnAccepting)) return openNop('the policy is nop', false, options, host)
  let opened: 'software' | 'dlb' = 'dlb'
  try {
    const device = openDevice({
      ...(kind && { device: kind }),
      ...(id !== undefined && { id }),
      ...(library && { library }),
    })
    opened = device.kind
    return create(device, factsOf(device, false), null, options, host)
  } catch (error) {
    const isOurs = error instanceof NodeDlbError && error.code !== 'ERR_DLB_INVALID_ARGUMENT'
    if (opened === 'software' || !isOurs) throw error
    return openFallback(options, host, error)
  }
}

/**
 * Opens the domain that replaces one whose DLB device has failed, or could not be had.
 * @throws `failure` if `fallbackPolicy` is 'none'
 */
export function openFallback(options: ResolvedOptions, host: DomainHost, failure: NodeDlbError): ConnectionDomain {
  const { fallbackPolicy } = options
  if (fallbackPolicy === 'none') throw failure
  // Nobody stops ports here, so a stopped port means that the device was reset.
  const wasReset = failure.code === 'ERR_DLB_PORT_STOPPED'
  const reason = `instead of DLB: ${wasReset ? 'the device was reset' : failure.message}`
  if (fallbackPolicy === 'nop') return openNop(reason, true, options, host)
  const only = fallbackPolicy === 'exact' ? 'exact' : null
  const device = new SoftwareDevice(reason)
  return create(device, factsOf(device, true), only, options, host)
}

/**
 * Opens a domain without a device: the workers accept for themselves, from the listeners' sockets,
 * which they share (Envoy's Nop).
 *
 * Cost: the kernel wakes every idle worker for a connection, and the first to accept gets it. So
 * loads are uneven, as with `node:cluster`'s SCHED_NONE, and connections cannot be taken back from
 * the kernel's backlog when a worker is stuck.
 */
function openNop(reason: string, fallback: boolean, options: ResolvedOptions, host: DomainHost): ConnectionDomain {
  const facts: DeviceFacts = { kind: 'none', id: 0, version: 'none', reason, fallback }
  return create(null, facts, 'nop', options, host)
}

function create(
  device: Device | null,
  facts: DeviceFacts,
  only: PolicyName | null,
  options: ResolvedOptions,
  host: DomainHost,
): ConnectionDomain {
  const policies = new Policies(
    only === null ? options.listeners.policies : [only],
    options.workerPlaces,
    host.policies,
  )
  return new ConnectionDomain({ device, facts, policies, only, options, host })
}

function factsOf({ kind, id, version, reason }: Device, fallback: boolean): DeviceFacts {
  return { kind, id, version, reason, fallback }
}
