import { InvalidArgumentError } from 'commander'

const MS_PER_UNIT: Record<string, number> = { ms: 1, s: 1000, m: 60_000 }

/** '500ms', '10s', '2m' → milliseconds; '0' needs no unit. */
export function parseDuration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(ms|s|m)?$/.exec(text) ?? []
  if (digits !== '' && Number(digits) === 0) return 0
  const factor = MS_PER_UNIT[unit]
  if (digits === '' || factor === undefined) {
    throw new InvalidArgumentError('Give a whole number and its unit, such as 500ms, 10s or 2m.')
  }
  return Number(digits) * factor
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
