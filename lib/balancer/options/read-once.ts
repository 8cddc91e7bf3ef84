import { NodeDlbError } from '../../errors.ts'

/**
 * Reads each option of an object once. So the values that are checked are the values that are used,
 * even if getters return others later or the caller changes the object. Known options may be
 * inherited; unknown ones are read only if they are the object's own.
 *
 * @returns the options that are not undefined
 * @throws ERR_DLB_INVALID_ARGUMENT if an option cannot be read
 */
export function readOnce(what: string, options: object, known: readonly string[]): Record<string, unknown> {
  const read: Record<string, unknown> = Object.create(null)
  try {
    for (const name of new Set([...known, ...Object.keys(options)])) {
      const value = (options as Record<string, unknown>)[name]
      if (value !== undefined) read[name] = Array.isArray(value) ? [...value] : value
    }
  } catch (cause) {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `${what} cannot be read: a getter or a Proxy threw`, { cause })
  }
  return read
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
