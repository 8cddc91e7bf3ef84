import type { Kind } from './kinds.ts'

/**
 * The definition of one option of startBalancer. resolveOptions checks the option and fills in its
 * default by this entry, and `node-dlb run` makes its flag from it. A test compares the table in
 * docs/api.md and the doc comments of BalancerOptions with it.
 */
export interface Option<T> {
  readonly kind: Kind<T>
  /**
   * The value of an option that is not given. undefined: there is none, or resolveOptions works it
   * out.
   */
  readonly default: T | undefined
  /** The default in docs/api.md, if it is not written as the value itself. */
  readonly defaultInDocs?: string
  /**
   * One sentence, in Markdown. The option's texts in docs/api.md and BalancerOptions begin with it.
   */
  readonly summary: string
  readonly flag?: Flag
}

/** An entry for each option of T: one that is missing, or of another type, does not compile. */
export type OptionTable<T> = { readonly [K in keyof T]-?: Option<Exclude<T[K], undefined>> }

/** An option's flag of `node-dlb run`. */
export interface Flag {
  /** The flag as commander reads it, such as '-w, --workers <count>'. */
  readonly usage: string
  /**
   * How the flag's text is read. If absent, the text is the value, or the value is true if the flag
   * takes no text.
   */
  readonly reads?: 'count' | 'time' | 'listener'
  /** Default: the summary. */
  readonly help?: string
  /** The default in the help, if it is not written as the value itself. */
  readonly defaultInHelp?: string
}
