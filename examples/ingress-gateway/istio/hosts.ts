/**
 * @returns the more specific pattern of each pair that both lists name, in lower case, because host
 *   names have no case
 */
export function commonHosts(some: readonly string[], others: readonly string[]): string[] {
  const common = some.flatMap((a) => others.flatMap((b) => commonHost(a.toLowerCase(), b.toLowerCase()) ?? []))
  return [...new Set(common)]
}

function commonHost(a: string, b: string): string | null {
  if (covers(a, b)) return b
  return covers(b, a) ? a : null
}

/**
 * Whether `wide` names every host that `narrow` names: `*.example.com` covers `*.a.example.com`.
 */
function covers(wide: string, narrow: string): boolean {
  if (wide === narrow) return true
  return wide.startsWith('*') && narrow.length >= wide.length && narrow.endsWith(wide.slice(1))
}

/**
 * The host in an entry of a Gateway, if VirtualServices of this namespace may use it:
 * `namespace/host`, `./host` for the Gateway's own namespace, `*` and a slash, or the host alone
 * for all.
 */
export function hostFor(entry: string, from: string, gatewayNamespace: string): string | null {
  const [first, second] = entry.split('/')
  if (second === undefined) return first
  const namespace = first === '.' ? gatewayNamespace : first
  return namespace === '*' || namespace === from ? second : null
}
