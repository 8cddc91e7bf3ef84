import { policyNames } from '../dispatch/policies/names.ts'
import type { ListenerOptions } from '../listeners/settings.ts'
import { boolean, checkedKind, type Kind, oneOf, wholeNumber } from './kinds.ts'
import { isObject } from './read-once.ts'

/**
 * The options that can be set for a single listener; the defaults are the balancer's
 * (ListenerSettingsTable).
 */
const listenerOptions: { readonly [K in keyof ListenerOptions]-?: Kind<Exclude<ListenerOptions[K], undefined>> } = {
  policy: oneOf(policyNames),
  priority: wholeNumber(0, 7),
  proxyProtocol: boolean,
  deferAccept: boolean,
}

export const listenerOptionNames: readonly string[] = Object.keys(listenerOptions)

/** The options of listeners by address. */
export const listeners: Kind<Readonly<Record<string, ListenerOptions>>> = checkedKind(
  (value) => {
    if (!isObject(value)) return 'an object'
    return Object.values(value).map(listenerProblem).find(Boolean) ?? null
  },
  `\`{ [address]: { ${listenerOptionNames.join(', ')} } }\``,
)

function listenerProblem(options: unknown): string | null {
  if (!isObject(options)) return "objects, such as { '8443': { priority: 1 } }"
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(listenerOptions, name)) return `objects with ${listenerOptionNames.join(', ')} and no '${name}'`
    const { accepts, expected } = listenerOptions[name as keyof ListenerOptions]
    if (value !== undefined && !accepts(value)) return `objects whose ${name} is ${expected(value)}`
  }
  return null
}
