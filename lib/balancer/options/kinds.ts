import { fileURLToPath } from 'node:url'
import { SHARE_ENV } from 'node:worker_threads'
import { isObject } from './read-once.ts'

/** A timer's longest time, in ms. */
export const MAX_MS = 2 ** 31 - 1

/** The values that an option takes. */
export interface Kind<T> {
  readonly accepts: (value: unknown) => value is T
  /** The text after "<option> must be" in the error about a value that is not accepted. */
  readonly expected: (value: unknown) => string
  /** The values in docs/api.md. */
  readonly values: string
  /** The names, if the values are a few names. */
  readonly choices?: readonly string[]
}

/** A kind whose error is the same for all values. */
export function kind<T>(accepts: (value: unknown) => boolean, expected: string, values: string): Kind<T> {
  return { accepts: accepts as Kind<T>['accepts'], expected: () => expected, values }
}

/**
 * A kind whose error depends on the value. `problem` returns null for a value that is accepted,
 * else the text after "<option> must be".
 */
export function checkedKind<T>(problem: (value: unknown) => string | null, values: string): Kind<T> {
  return {
    accepts: (value): value is T => problem(value) === null,
    expected: (value) => problem(value) ?? '',
    values,
  }
}

export function wholeNumber(min: number, max: number): Kind<number> {
  return kind(
    (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
    `a whole number from ${min} to ${max}`,
    `${inDocs(min)}–${inDocs(max)}`,
  )
}

/** A number as docs/api.md writes it. Intl would cost 10 ms of each start. */
export function inDocs(value: number): string {
  return value === MAX_MS ? '2³¹−1' : String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

export function oneOf<const T extends string>(choices: readonly T[]): Kind<T> {
  const values = choices.map((name) => `\`'${name}'\``).join(', ')
  return {
    ...kind<T>((value) => choices.includes(value as T), `one of ${choices.join(', ')}`, values),
    choices,
  }
}

export function orNull<T>({ accepts, expected, values }: Kind<T>): Kind<T | null> {
  return {
    accepts: (value): value is T | null => value === null || accepts(value),
    expected,
    values: `${values}, \`null\``,
  }
}

export const boolean: Kind<boolean> = kind((value) => typeof value === 'boolean', 'true or false', 'boolean')

export const strings: Kind<readonly string[]> = kind(
  (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  'an array of strings',
  'array of strings',
)

export const anything: Kind<unknown> = kind(() => true, 'anything', 'cloneable')

export const entryFile: Kind<string | URL> = kind(
  (value) => (typeof value === 'string' && value !== '' && !value.includes('\0')) || isFileUrl(value),
  'a path or a file: URL',
  'path or `file:` URL',
)

export const libraryFile: Kind<string> = kind(
  (value) => typeof value === 'string' && value !== '',
  'a file or the name of a library',
  'file, or name',
)

export const environment: Kind<NodeJS.ProcessEnv | typeof SHARE_ENV> = kind(
  (value) => value === SHARE_ENV || isObject(value),
  'an object',
  'object, `SHARE_ENV`',
)

export const logSink: Kind<boolean | ((line: string) => void)> = kind(
  (value) => typeof value === 'function' || typeof value === 'boolean',
  'true, false or a function',
  'boolean, function',
)

/** Whether it names a file of this machine. */
function isFileUrl(value: unknown): value is URL {
  if (!(value instanceof URL)) return false
  try {
    return fileURLToPath(value) !== ''
  } catch {
    return false
  }
}
