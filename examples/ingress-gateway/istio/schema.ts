/**
 * What a YAML value has to be, as plain data: validate.ts reads it, `Infer` makes the type of a valid value from it,
 * and kinds.ts says in it which documents there are. A field that is not named is not supported, and is reported.
 */
export type Schema =
  | TextSchema
  | OnlySchema<string | number | boolean>
  | IntegerSchema
  | QuantitySchema
  | ListSchema<Schema>
  | MapSchema<Schema>
  | ObjectSchema<Fields, Fields>
  | OneFieldSchema<Fields>
  | YamlTextSchema<Schema>

export type Fields = Readonly<Record<string, Schema>>

export interface TextSchema {
  readonly type: 'text'
  /** For the message: what is expected. */
  readonly what: string
  readonly pattern: RegExp
}

export interface OnlySchema<V> {
  readonly type: 'only'
  readonly values: readonly V[]
  /** Why other values, which Istio may know, are not supported. */
  readonly why: string
}

export interface IntegerSchema {
  readonly type: 'integer'
  readonly min: number
  readonly max: number
}

/** Kubernetes' amounts: 4, '1', 4000m, 4096Mi. */
export interface QuantitySchema {
  readonly type: 'quantity'
}

export interface ListSchema<S> {
  readonly type: 'list'
  readonly of: S
}

/** Any keys. */
export interface MapSchema<S> {
  readonly type: 'map'
  readonly of: S
}

export interface ObjectSchema<R, O> {
  readonly type: 'object'
  readonly required: R
  readonly optional: O
}

/** One of the fields, and no other. */
export interface OneFieldSchema<F> {
  readonly type: 'one field'
  readonly fields: F
}

/** A text that is itself a YAML document. */
export interface YamlTextSchema<S> {
  readonly type: 'yaml text'
  readonly of: S
}

/** The type of a value that the schema accepts. */
export type Infer<S> = S extends { readonly type: infer T extends Schema['type'] } ? InferBy<S>[T] : never

/** An interface, so that TypeScript looks only at the member that it needs. */
interface InferBy<S> {
  readonly text: string
  readonly quantity: string
  readonly integer: number
  readonly only: S extends OnlySchema<infer V> ? V : never
  readonly list: S extends ListSchema<infer I> ? readonly Infer<I>[] : never
  readonly map: S extends MapSchema<infer I> ? Readonly<Record<string, Infer<I>>> : never
  readonly object: S extends ObjectSchema<infer R, infer O>
    ? { readonly [K in keyof R]: Infer<R[K]> } & { readonly [K in keyof O]?: Infer<O[K]> }
    : never
  readonly 'one field': S extends OneFieldSchema<infer F> ? { readonly [K in keyof F]?: Infer<F[K]> } : never
  readonly 'yaml text': S extends YamlTextSchema<infer I> ? Infer<I> : never
}

export const text = (what = 'a text', pattern = /./): TextSchema => ({ type: 'text', what, pattern })

export const only = <const V extends string | number | boolean>(values: readonly V[], why = ''): OnlySchema<V> => ({
  type: 'only',
  values,
  why,
})

export const integer = (min: number, max: number): IntegerSchema => ({ type: 'integer', min, max })

export const quantity: QuantitySchema = { type: 'quantity' }

/** At least one. */
export const list = <S extends Schema>(of: S): ListSchema<S> => ({ type: 'list', of })

export const map = <S extends Schema>(of: S): MapSchema<S> => ({ type: 'map', of })

export const object = <R extends Fields, O extends Fields = Record<never, never>>(
  required: R,
  optional: O = {} as O,
): ObjectSchema<R, O> => ({ type: 'object', required, optional })

export const oneField = <F extends Fields>(fields: F): OneFieldSchema<F> => ({ type: 'one field', fields })

export const yamlText = <S extends Schema>(of: S): YamlTextSchema<S> => ({ type: 'yaml text', of })
