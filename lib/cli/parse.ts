import { InvalidArgumentError } from 'commander'
import { isPolicyName, policyNames } from '../balancer/dispatch/policies/names.ts'
import type { ListenerOptions } from '../balancer/listeners/settings.ts'

const MS_PER_UNIT: Record<string, number> = { ms: 1, s: 1000, m: 60_000 }

/** Reads '500ms', '10s' or '2m' as milliseconds; '0' needs no unit. */
export function parseDuration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(ms|s|m)?$/.exec(text) ?? []
  if (digits !== '' && Number(digits) === 0) return 0
  const factor = MS_PER_UNIT[unit]
  if (digits === '' || factor === undefined) {
    throw new InvalidArgumentError('Give a whole number and its unit, such as 500ms, 10s or 2m.')
  }
  return Number(digits) * factor
}

/** The shortest text, in ms or s, that `parseDuration` reads as this number of milliseconds. */
export function showDuration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}

export function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Give a whole number, such as 4.')
  return Number(text)
}

export function parseDeviceId(text: string): number {
  const id = parseCount(text)
  if (id > 63) throw new InvalidArgumentError('Give the n of a /dev/dlb<n>, 0 to 63.')
  return id
}

/**
 * Reads `<address>=[<policy>][,<priority>][,proxy]`. At least one of the three must follow the
 * address.
 */
export function addListener(
  text: string,
  listeners: Readonly<Record<string, ListenerOptions>> = {},
): Record<string, ListenerOptions> {
  const [, address, policy, priority, proxy] = /^(.+)=([a-z-]*)(?:,([0-7]))?(,proxy)?$/.exec(text) ?? []
  if (!address || (policy === '' && priority === undefined && proxy === undefined)) {
    throw new InvalidArgumentError(
      'Give an address and a policy, a priority from 0 to 7, or proxy, such as 8443=exact,1 or 8443=,proxy.',
    )
  }
  if (policy !== '' && !isPolicyName(policy)) {
    throw new InvalidArgumentError(`There is no policy ${policy}; there are ${policyNames.join(', ')}.`)
  }
  const options = {
    ...(policy !== '' && { policy }),
    ...(priority !== undefined && { priority: Number(priority) }),
    ...(proxy !== undefined && { proxyProtocol: true }),
  }
  return { ...listeners, [address]: options as ListenerOptions }
}
