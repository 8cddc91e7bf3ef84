import { NodeDlbError } from '../errors.ts'

/** @throws ERR_DLB_INVALID_ARGUMENT unless `value` is a whole number from `min` to `max`. */
export function checkInteger(name: string, value: unknown, min: number, max: number): void {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return
  throw new NodeDlbError(
    'ERR_DLB_INVALID_ARGUMENT',
    `${name} must be a whole number from ${min} to ${max}, not ${String(value)}`,
  )
}

/** @throws ERR_DLB_INVALID_ARGUMENT unless `value` is an object. */
export function checkObject(name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) return
  throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `${name} must be an object, not ${String(value)}`)
}
