import { NodeDlbError } from '../../errors.ts'

/**
 * Reads an object's options, each once: so what is checked is what is used, whatever getters give
 * or the caller changes later. Options may be inherited; of names that are not known, only the
 * object's own are there.
 *
 * @returns those that are not undefined. @throws ERR_DLB_INVALID_ARGUMENT if one cannot be read
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
