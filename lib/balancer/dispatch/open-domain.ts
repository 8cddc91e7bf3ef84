import { openDevice } from '../../device/open.ts'
import { SoftwareDevice } from '../../device/software/device.ts'
import { NodeDlbError } from '../../errors.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { DeviceFabric } from './connection-domain.ts'
import type { Fabric, FabricHooks, FabricParts } from './fabric.ts'
import { NopFabric } from './nop-fabric.ts'
import { Policies } from './policies/index.ts'
import { isOwnAccepting, type PolicyName } from './policies/names.ts'

/**
 * Takes the device that the options ask for. If that is DLB and it cannot be had, or set up, takes
 * what `fallbackPolicy` says instead.
 * @throws ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_NO_RESOURCES, ERR_DLB_DEVICE_FAILED; nothing is left
 *   open then.
 */
export function openFabric(options: ResolvedOptions, hooks: FabricHooks): Fabric {
  const { listeners, device: kind, id, library } = options
  if ([...listeners.policies].every(isOwnAccepting)) {
    return new NopFabric({ ...parts('nop', options, hooks), reason: 'the policy is nop' })
  }
  let opened: 'software' | 'dlb' = 'dlb'
  try {
    const device = openDevice({
      ...(kind && { device: kind }),
      ...(id !== undefined && { id }),
      ...(library && { library }),
    })
    opened = device.kind
    return new DeviceFabric({ ...parts(null, options, hooks), device })
  } catch (error) {
    const isOurs = error instanceof NodeDlbError && error.code !== 'ERR_DLB_INVALID_ARGUMENT'
    if (opened === 'software' || !isOurs) throw error
    return openFallback(options, hooks, error)
  }
}

/**
 * What takes the place of a DLB device that has failed. @throws its error, if the policy is to have
 * nothing instead.
 */
export function openFallback(options: ResolvedOptions, hooks: FabricHooks, failure: NodeDlbError): Fabric {
  const { fallbackPolicy } = options
  if (fallbackPolicy === 'none') throw failure
  // A port that nobody stopped.
  const wasReset = failure.code === 'ERR_DLB_PORT_STOPPED'
  const reason = `instead of DLB: ${wasReset ? 'the device was reset' : failure.message}`
  if (fallbackPolicy === 'nop') return new NopFabric({ ...parts('nop', options, hooks), reason, fallback: true })
  const only = fallbackPolicy === 'exact' ? 'exact' : null
  return new DeviceFabric({ ...parts(only, options, hooks), device: new SoftwareDevice(reason), fallback: true })
}

function parts(only: PolicyName | null, options: ResolvedOptions, hooks: FabricHooks): FabricParts {
  const names = only === null ? options.listeners.policies : [only]
  return { policies: new Policies(names, options.slots, hooks.policies), only, options, hooks, fallback: false }
}
