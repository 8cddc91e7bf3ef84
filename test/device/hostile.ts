import { types } from 'node:util'
import type { Test } from 'tap'

/** Values of every type, that no call may crash on. */
export function hostileValues(): Map<string, unknown> {
  const { proxy: revoked, revoke } = Proxy.revocable({}, {})
  revoke()
  return new Map<string, unknown>([
    ['undefined', undefined],
    ['null', null],
    ['true', true],
    ['NaN', Number.NaN],
    ['-1', -1],
    ['0.5', 0.5],
    ['2 ** 53', 2 ** 53],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['1n', 1n],
    ['a symbol', Symbol('hostile')],
    ["''", ''],
    ['a string', 'hostile\0string'],
    ['{}', {}],
    ['an object without a prototype', Object.create(null)],
    ['[]', []],
    ['a function', () => undefined],
    ['a Proxy that throws', throwing()],
    ['a revoked Proxy', revoked],
    ['a detached ArrayBuffer', detached(new ArrayBuffer(64))],
    ['a detached array', detachedArray()],
    ['an object that does not convert', { [Symbol.toPrimitive]: fail, toString: fail, valueOf: fail }],
  ])
}

export function detached(memory: ArrayBuffer): ArrayBuffer {
  structuredClone(memory, { transfer: [memory] })
  return memory
}

function detachedArray(): Int32Array {
  const array = new Int32Array(16)
  detached(array.buffer)
  return array
}

function throwing(): object {
  const traps = Reflect.ownKeys(Reflect).filter((name) => typeof name === 'string')
  return new Proxy({}, Object.fromEntries(traps.map((name) => [name, fail])))
}

function fail(): never {
  throw new Error('hostile')
}

/** A parameter: what it is well called with, and what else it takes. */
export interface Param {
  readonly valid: unknown
  readonly takes: (value: unknown) => boolean
  /** The fields of an object. */
  readonly fields?: Readonly<Record<string, Param>>
}

export function whole(valid: number, min: number, max: number): Param {
  return { valid, takes: (value) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max }
}

export function only(valid: unknown, takes: (value: unknown) => boolean = () => false): Param {
  return { valid, takes }
}

export function optional(param: Param): Param {
  return { ...param, takes: (value) => value === undefined || param.takes(value) }
}

/** Without a `takes` of its own it has to have fields. */
export function object(fields: Readonly<Record<string, Param>>, takes: Param['takes'] = () => false): Param {
  const valid = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.valid]))
  return { valid, takes, fields }
}

/** Any object does that is no array and can be read: it has no field that is read. */
export function allOptional(fields: Readonly<Record<string, Param>>): Param {
  const isOther = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && !types.isProxy(value) && !Array.isArray(value)
  const each = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, optional(field)]))
  return object(each, (value) => value === undefined || isOther(value))
}

export type Calls = Readonly<Record<string, readonly Param[]>>

/**
 * Calls each method with each hostile value in the place of each argument, and of each field of an
 * argument. Each call has to throw at once, with a code, but for those with what is taken.
 */
export function attackAll(t: Test, of: object, calls: Calls, isCoded: (error: unknown) => boolean): void {
  t.same(Object.keys(calls).sort(), methodsOf(of), 'every method is called')
  for (const [name, params] of Object.entries(calls)) {
    const call = (...values: unknown[]): unknown => Reflect.apply(Reflect.get(of, name) as () => unknown, of, values)
    attack(t, name, call, params, isCoded)
  }
}

export function attack(
  t: Test,
  name: string,
  call: (...values: unknown[]) => unknown,
  params: readonly Param[],
  isCoded: (error: unknown) => boolean,
): void {
  const valid = params.map((param) => param.valid)
  const survivors = params.flatMap((param, i) =>
    [...wrongValues(param)]
      .filter(([, value]) => !isRefused(() => call(...valid.with(i, value)), isCoded))
      .map(([what]) => `${name}: argument ${i + 1}: ${what}`),
  )
  t.same(survivors, [], `${name} refuses what it cannot take`)
}

function* wrongValues(param: Param): Generator<[string, unknown]> {
  for (const [name, value] of hostileValues()) if (!param.takes(value)) yield [name, value]
  const fields = Object.entries(param.fields ?? {})
  for (const [field, of] of fields) {
    for (const [name, value] of wrongValues(of))
      yield [`${field}: ${name}`, { ...(param.valid as object), [field]: value }]
    yield [
      `${field}: a getter that throws`,
      Object.defineProperty({ ...(param.valid as object) }, field, { get: fail }),
    ]
  }
}

function isRefused(call: () => unknown, isCoded: (error: unknown) => boolean): boolean {
  try {
    call()
    return false
  } catch (error) {
    return isCoded(error)
  }
}

/** The names of an object's methods, its prototypes' too, up to Object's. */
export function methodsOf(of: object): string[] {
  const names = new Set<string>()
  for (let at: object | null = of; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name)
    }
  }
  return [...names].sort()
}
