import { RE2JS } from 're2js'

/**
 * Where requests go, as plain data. It is made from the documents once, and sent to every worker.
 */
export interface VirtualHost {
  /** Host names, `*.suffix` or `*`, in lower case. */
  readonly hosts: readonly string[]
  /** The routes in order. The first that matches is taken. */
  readonly routes: readonly Route[]
}

export interface Route {
  /** A path that any of these matches; if there are none, every path. */
  readonly matches: readonly PathMatch[]
  readonly targets: readonly Target[]
}

export interface PathMatch {
  readonly type: 'prefix' | 'exact' | 'regex'
  readonly value: string
}

/** A share `weight` of the route's requests goes to `service`, written host:port. */
export interface Target {
  readonly service: string
  readonly weight: number
}

interface CompiledRoute {
  readonly matches: (path: string) => boolean
  readonly targets: readonly Target[]
}

/**
 * Finds the service for a host and a path. If several host patterns match, only the most specific
 * one decides, as in Istio: a name, then the longest `*.suffix`, then `*`.
 */
export class Router {
  readonly #names = new Map<string, readonly CompiledRoute[]>()
  /** The suffixes, the longest first. That of `*` is empty. */
  readonly #suffixes: { readonly suffix: string; readonly routes: readonly CompiledRoute[] }[] = []

  constructor(virtualHosts: readonly VirtualHost[]) {
    for (const { hosts, routes } of virtualHosts) {
      const compiled = routes.map(compile)
      for (const host of hosts) {
        if (host.startsWith('*')) this.#suffixes.push({ suffix: host.slice(1), routes: compiled })
        else this.#names.set(host, compiled)
      }
    }
    this.#suffixes.sort((a, b) => b.suffix.length - a.suffix.length)
  }

  /**
   * @param host lower case, without port
   * @param path normalised, without query
   * @param random 0 ≤ random < 1: decides between weighted targets
   * @returns the service, or null if no route matches
   */
  find(host: string, path: string, random: number): string | null {
    const routes = this.#names.get(host) ?? this.#suffixes.find(({ suffix }) => isUnder(host, suffix))?.routes
    const route = routes?.find(({ matches }) => matches(path))
    return route ? pick(route.targets, random) : null
  }
}

/**
 * `*.example.com` is for hosts under example.com, and not for example.com itself. `*` is also for a
 * host that is not named.
 */
function isUnder(host: string, suffix: string): boolean {
  return suffix === '' || (host.length > suffix.length && host.endsWith(suffix))
}

function compile({ matches, targets }: Route): CompiledRoute {
  const tests = matches.map(pathTest)
  return { matches: (path) => tests.length === 0 || tests.some((test) => test(path)), targets }
}

/**
 * Makes the test of a path. A prefix is one of the text, like Istio's: /status also matches
 * /statuses.
 */
function pathTest({ type, value }: PathMatch): (path: string) => boolean {
  if (type === 'prefix') return (path) => path.startsWith(value)
  if (type === 'exact') return (path) => path === value
  const regex = pathRegex(value)
  return (path) => regex.matches(asUtf8(path))
}

/**
 * Istio's regular expressions are RE2's, and have to match the whole path. RE2 takes time that is
 * linear in the path's length, whatever the expression is. With JavaScript's own, a client's path
 * could make the gateway hang.
 * @throws Error with the reason, if the expression is not RE2's
 */
export function pathRegex(source: string): RE2JS {
  return RE2JS.compile(source)
}

/** RE2 reads a path's bytes as UTF-8; Node gives each byte as one character. */
function asUtf8(path: string): string {
  return /[\x80-\xff]/.test(path) ? Buffer.from(path, 'latin1').toString() : path
}

function pick(targets: readonly Target[], random: number): string {
  const total = targets.reduce((sum, { weight }) => sum + weight, 0)
  let rest = random * total
  const target = targets.find(({ weight }) => {
    rest -= weight
    return rest < 0
  })
  return (target ?? targets[targets.length - 1]).service
}
