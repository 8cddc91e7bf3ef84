import { NodeDlbError } from '../errors.ts'

/**
 * Describes a value for a message. `String(value)` would run the value's own code, which may throw,
 * and throws for objects without a prototype.
 */
export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `'${value.slice(0, 100)}'`
    case 'bigint':
      return `${value}n`
    case 'object':
      return value === null ? 'null' : 'an object'
    case 'function':
      return 'a function'
    default:
      return String(value)
  }
}

/** @throws ERR_DLB_INVALID_ARGUMENT unless `value` is a whole number from `min` to `max`. */
export function checkInteger(name: string, value: unknown, min: number, max: number): void {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return
  throw invalid(`${name} must be a whole number from ${min} to ${max}, not ${show(value)}`)
}

/** @throws ERR_DLB_INVALID_ARGUMENT unless `value` is an object. */
function checkObject(name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) return
  throw invalid(`${name} must be an object, not ${show(value)}`)
}

/** @throws ERR_DLB_INVALID_ARGUMENT unless `value` is one of `choices`. */
export function checkChoice(name: string, value: unknown, choices: readonly unknown[]): void {
  if (choices.includes(value)) return
  throw invalid(`${name} must be one of ${choices.join(', ')}, not ${show(value)}`)
}

/** @throws ERR_DLB_INVALID_ARGUMENT unless `value` is true or false. */
export function checkBoolean(name: string, value: unknown): void {
  if (typeof value === 'boolean') return
  throw invalid(`${name} must be true or false, not ${show(value)}`)
}

/** @throws ERR_DLB_INVALID_ARGUMENT unless `value` is a function, or null. */
export function checkCallback(value: unknown): void {
  if (value === null || typeof value === 'function') return
  throw invalid(`callback must be a function or null, not ${show(value)}`)
}

/**
 * Reads the named fields of an object that a caller passed. Each field is read once, here: a getter
 * or a Proxy may throw, or return another value the next time, and the value that is checked must
 * be the value that is used.
 * @throws ERR_DLB_INVALID_ARGUMENT if `from` is not an object or cannot be read
 */
export function readFields<T extends object, K extends keyof T>(name: string, from: T, keys: readonly K[]): Pick<T, K> {
  checkObject(name, from)
  const fields: Partial<Pick<T, K>> = {}
  try {
    for (const key of keys) {
      const value = from[key]
      if (value !== undefined) fields[key] = value
    }
  } catch (cause) {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `${name} cannot be read: a getter or a Proxy threw`, { cause })
  }
  return fields as Pick<T, K>
}

/** Does what `readFields` does, for an object with options, which an array is not. */
export function readOptions<T extends object, K extends keyof T>(
  name: string,
  from: T,
  keys: readonly K[],
): Pick<T, K> {
  const options = readFields(name, from, keys)
  if (Array.isArray(from)) throw invalid(`${name} must be an object with options, not an array`)
  return options
}

function invalid(message: string): NodeDlbError {
  return new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', message)
}
