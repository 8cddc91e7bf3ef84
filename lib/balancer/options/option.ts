import type { Kind } from './kinds.ts'

/**
 * All that there is to say about one option of startBalancer. resolveOptions checks it and fills in
 * its default by this entry, and `node-dlb run` has its flag from here. A test holds the table in
 * docs/api.md and the doc comments of BalancerOptions to it.
 */
export interface Option<T> {
  readonly kind: Kind<T>
  /** What an option that is not given is. undefined: nothing, or resolveOptions works it out. */
  readonly default: T | undefined
  /** The default in docs/api.md, if the value itself does not tell. */
  readonly defaultInDocs?: string
  /** One sentence, in Markdown, with which its texts in docs/api.md and BalancerOptions begin. */
  readonly summary: string
  readonly flag?: Flag
}

/** An entry for each option of T: one that is missing, or of another type, does not compile. */
export type OptionTable<T> = { readonly [K in keyof T]-?: Option<Exclude<T[K], undefined>> }

/** An option's flag of `node-dlb run`. */
export interface Flag {
  /** The flag as commander reads it, such as '-w, --workers <count>'. */
  readonly usage: string
  /** How the flag's text is read. If absent, it is the value, or true if the flag takes no text. */
  readonly reads?: 'count' | 'time' | 'listener'
  /** Default: the summary. */
  readonly help?: string
  /** The default in the help, if the value itself does not tell. */
  readonly defaultInHelp?: string
}
