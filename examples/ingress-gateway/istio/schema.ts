/**
 * What a YAML value has to be, as plain data. validate.ts reads it, `Infer` makes the type of a
 * valid value from it, and kinds.ts describes the documents with it. A field that is not named is
 * not supported, and is reported.
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
  | AnySchema
  | NotedSchema
  | NotDoneSchema

export type Fields = Readonly<Record<string, Schema>>

export interface TextSchema {
  readonly type: 'text'
  /** What is expected, for the message. */
  readonly what: string
  readonly pattern: RegExp
}

export interface OnlySchema<V> {
  readonly type: 'only'
  readonly values: readonly V[]
  /** Why other values are not supported, although Istio may know them. */
  readonly why: string
}

export interface IntegerSchema {
  readonly type: 'integer'
  readonly min: number
  readonly max: number
}

/** An amount as Kubernetes has it, written as a number or a text: 4, '1', 4000m, 4096Mi. */
export interface QuantitySchema {
  readonly type: 'quantity'
  readonly what: string
  readonly pattern: RegExp
}

export interface ListSchema<S> {
  readonly type: 'list'
  readonly of: S
}

/** A map with any keys. */
export interface MapSchema<S> {
  readonly type: 'map'
  readonly of: S
}

export interface ObjectSchema<R, O> {
  readonly type: 'object'
  readonly required: R
  readonly optional: O
  /** The schema of every other field; undefined: no other field is supported. */
  readonly rest: Schema | undefined
}

/** An object with one of the fields, and no other. */
export interface OneFieldSchema<F> {
  readonly type: 'one field'
  readonly fields: F
}

/** A text that is itself a YAML document. */
export interface YamlTextSchema<S> {
  readonly type: 'yaml text'
  readonly of: S
}

/** A value that has no effect on this gateway, such as how the cluster runs something. */
export interface AnySchema {
  readonly type: 'any'
}

/**
 * Something that Istio does and this gateway does not, and that does not change where requests go:
 * it is noted.
 */
export interface NotedSchema {
  readonly type: 'noted'
  readonly why: string
  /** The value that asks for what is so anyway, if there is one. */
  readonly unless: unknown
}

/**
 * Something that Istio does and this gateway does not, and that changes where requests go or how
 * they end: it is refused.
 */
export interface NotDoneSchema {
  readonly type: 'not done'
  readonly why: string
}

/** The type of a value that the schema accepts. */
export type Infer<S> =
  S extends ObjectSchema<infer R, infer O>
    ? InferFields<R> & Partial<InferFields<O>>
    : S extends ListSchema<infer I>
      ? readonly Infer<I>[]
      : S extends MapSchema<infer I>
        ? Readonly<Record<string, Infer<I>>>
        : S extends OneFieldSchema<infer F>
          ? Partial<InferFields<F>>
          : S extends YamlTextSchema<infer I>
            ? Infer<I>
            : S extends OnlySchema<infer V>
              ? V
              : S extends IntegerSchema
                ? number
                : S extends AnySchema | NotedSchema | NotDoneSchema
                  ? unknown
                  : string

type InferFields<F> = { readonly [K in keyof F]: Infer<F[K]> }

export const text = (what = 'a text', pattern = /./): TextSchema => ({ type: 'text', what, pattern })

export const only = <const V extends string | number | boolean>(values: readonly V[], why = ''): OnlySchema<V> => ({
  type: 'only',
  values,
  why,
})

export const integer = (min: number, max: number): IntegerSchema => ({ type: 'integer', min, max })

export const quantity: QuantitySchema = {
  type: 'quantity',
  what: 'an amount, such as 4, 4000m or 4096Mi',
  pattern: /^\d+(\.\d+)?(m|k|[MGTPE]|[KMGTPE]i)?$/,
}

/** A number of devices. */
export const wholeQuantity: QuantitySchema = { type: 'quantity', what: "a whole amount, such as '1'", pattern: /^\d+$/ }

/** A list with at least one item. */
export const list = <S extends Schema>(of: S): ListSchema<S> => ({ type: 'list', of })

export const map = <S extends Schema>(of: S): MapSchema<S> => ({ type: 'map', of })

export const any: AnySchema = { type: 'any' }

export const noted = (why: string, unless?: string | number | boolean): NotedSchema => ({ type: 'noted', why, unless })

export const notDone = (why: string): NotDoneSchema => ({ type: 'not done', why })

type NoFields = Record<never, never>

// These are overloads because TypeScript, with a default for `optional`, would infer any fields for
// a missing one.
export function object<R extends Fields>(required: R): ObjectSchema<R, NoFields>
export function object<R extends Fields, O extends Fields>(required: R, optional: O, rest?: Schema): ObjectSchema<R, O>
export function object(
  required: Fields,
  optional: Fields = {},
  rest: Schema | undefined = undefined,
): ObjectSchema<Fields, Fields> {
  return { type: 'object', required, optional, rest }
}

export const oneField = <F extends Fields>(fields: F): OneFieldSchema<F> => ({ type: 'one field', fields })

export const yamlText = <S extends Schema>(of: S): YamlTextSchema<S> => ({ type: 'yaml text', of })
