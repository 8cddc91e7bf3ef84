import { type PathMatch, pathRegex, type Route, type Target, type VirtualHost } from '../proxy/routes.ts'
import { type Documents, gatewayName, nameOf, namespaceOf } from './documents.ts'
import { commonHosts, hostFor } from './hosts.ts'
import type { Plan } from './plan.ts'
import type { Path } from './problem.ts'
import type { Source } from './read.ts'

type Service = Source<'Service'>
type VirtualService = Source<'VirtualService'>
/** Each service that a route leads to, and the labels of what serves it. */
type Labelled = Map<string, Readonly<Record<string, string>>>
type Gateways = readonly Source<'Gateway'>[]

/**
 * Finds what the VirtualServices that are bound to these Gateways route, and to which Services. The
 * routes of several VirtualServices for one host are put together in the order of the documents. As
 * in Istio, those for every path come last.
 */
export function resolveVirtualHosts(documents: Documents, gateways: Gateways): Pick<Plan, 'virtualHosts' | 'services'> {
  const services: Labelled = new Map()
  const byHost = new Map<string, Route[]>()
  for (const source of documents.of('VirtualService')) {
    const served = gatewayHosts(documents, source, gateways)
    if (!served) continue
    const routes = reachable(source.value.spec.http.map((_, i) => resolveRoute(documents, source, i, services)))
    for (const host of resolveHosts(documents, source, served)) {
      byHost.set(host, [...(byHost.get(host) ?? []), ...routes])
    }
  }
  return { virtualHosts: withCommonRoutes(byHost), services }
}

/** Makes one virtual host of hosts that have the same routes. */
function withCommonRoutes(byHost: ReadonlyMap<string, readonly Route[]>): VirtualHost[] {
  const virtualHosts: { hosts: string[]; routes: readonly Route[] }[] = []
  for (const [host, found] of byHost) {
    const routes = [...found.filter((route) => !isForAll(route)), ...found.filter(isForAll)]
    const same = virtualHosts.find((other) => isSame(other.routes, routes))
    if (same) same.hosts.push(host)
    else virtualHosts.push({ hosts: [host], routes })
  }
  return virtualHosts
}

/**
 * The first route that matches is taken, so that a route which follows one for every path is never
 * reached.
 */
function reachable(routes: readonly Route[]): Route[] {
  const parts = routes.flatMap(apart)
  const last = parts.findIndex(isForAll)
  return last < 0 ? parts : parts.slice(0, last + 1)
}

/**
 * Makes two routes of one that is for some paths and for every path: where several VirtualServices
 * meet, only the second comes last.
 */
function apart(route: Route): Route[] {
  const every = route.matches.findIndex(isEveryPath)
  if (every <= 0) return [route]
  return [
    { ...route, matches: route.matches.slice(0, every) },
    { ...route, matches: [route.matches[every]] },
  ]
}

function isForAll({ matches }: Route): boolean {
  return matches.length === 0 || isEveryPath(matches[0])
}

function isEveryPath({ type, value }: PathMatch): boolean {
  return type === 'prefix' && value === '/'
}

function isSame(some: readonly Route[], others: readonly Route[]): boolean {
  return some.length === others.length && some.every((route, i) => route === others[i])
}

/** @returns the hosts of the VirtualService's Gateways, or null if it is not for this gateway */
function gatewayHosts(documents: Documents, source: VirtualService, gateways: Gateways): string[] | null {
  // Istio's default is `mesh`: the sidecars.
  const { gateways: written = ['mesh'] } = source.value.spec
  const from = namespaceOf(source)
  const all = documents.of('Gateway').map(nameOf)
  const names = written.map((name) => (name === 'mesh' ? name : gatewayName(name, from)))
  names.forEach((name, i) => {
    if (name === 'mesh' || all.includes(name)) return
    documents.problem(source, ['spec', 'gateways', i], `there is no Gateway ${name}`)
  })
  const bound = gateways.filter((gateway) => names.includes(nameOf(gateway)))
  if (bound.length === 0) {
    documents.noEffect(source, `it is for ${names.join(', ')}`)
    return null
  }
  return bound.flatMap((gateway) =>
    gateway.value.spec.servers.flatMap(({ hosts }) => {
      return hosts.flatMap((entry) => hostFor(entry, from, namespaceOf(gateway)) ?? [])
    }),
  )
}

/** Finds the hosts that are served: one of the VirtualService's Gateways has to have them. */
function resolveHosts(documents: Documents, source: VirtualService, served: readonly string[]): string[] {
  const { hosts } = source.value.spec
  for (const host of hosts) {
    if (commonHosts([host], served).length > 0) continue
    const there = [...new Set(served)].join(', ') || 'none for its namespace'
    documents.notes.push(
      `host ${host} of VirtualService ${nameOf(source)} is not served: its Gateway does not have it, but ${there}`,
    )
  }
  return commonHosts(hosts, served)
}

function resolveRoute(documents: Documents, source: VirtualService, i: number, services: Labelled): Route {
  const { match = [], route } = source.value.spec.http[i]
  const path: Path = ['spec', 'http', i]
  const matches = match.map(({ uri }, j) => {
    if (uri.regex !== undefined) checkRegex(documents, source, [...path, 'match', j, 'uri', 'regex'], uri.regex)
    return pathMatch(uri)
  })
  const targets = route.map((_, j) => resolveTarget(documents, source, i, j, services))
  if (route.length > 1 && route.every(({ weight = 0 }) => weight === 0)) {
    documents.problem(source, [...path, 'route'], 'of several destinations, one at least needs a weight')
  }
  return { matches, targets: targets.filter((target) => target !== null) }
}

/** Invariant: exactly one of the three is there. The schema ensures that. */
function pathMatch({ prefix, exact, regex = '' }: { prefix?: string; exact?: string; regex?: string }): PathMatch {
  if (prefix !== undefined) return { type: 'prefix', value: prefix }
  return exact !== undefined ? { type: 'exact', value: exact } : { type: 'regex', value: regex }
}

function checkRegex(documents: Documents, source: VirtualService, path: Path, regex: string): void {
  try {
    pathRegex(regex)
  } catch (error) {
    const { message } = error as Error
    documents.problem(source, path, `Istio's regular expressions are RE2's, which does not take this one: ${message}`)
  }
}

function resolveTarget(
  documents: Documents,
  source: VirtualService,
  i: number,
  j: number,
  services: Labelled,
): Target | null {
  const { route } = source.value.spec.http[i]
  const { destination, weight = route.length === 1 ? 1 : 0 } = route[j]
  const path: Path = ['spec', 'http', i, 'route', j, 'destination']
  const service = documents.of('Service').find((candidate) => hostsOf(candidate, source).includes(destination.host))
  if (!service) {
    const known = documents.of('Service').flatMap((candidate) => hostsOf(candidate, source))
    const choice = known.length === 0 ? 'there is none at all' : `there is ${known.join(', ')}`
    documents.problem(source, [...path, 'host'], `there is no Service ${destination.host}; ${choice}`)
    return null
  }
  const ports = (service.value.spec.ports ?? []).filter(({ protocol = 'TCP' }) => protocol === 'TCP')
  const numbers = ports.map(({ port }) => port)
  const port = destination.port?.number ?? (numbers.length === 1 ? numbers[0] : undefined)
  if (port === undefined || !numbers.includes(port)) {
    const wanted = port === undefined ? 'the port is missing' : `port ${port} is not there`
    documents.problem(
      source,
      [...path, 'port', 'number'],
      `${wanted}: Service ${nameOf(service)} has ${numbers.join(', ') || 'no TCP port'}`,
    )
    return null
  }
  const name = `${nameOf(service)}:${port}`
  services.set(name, service.value.spec.selector ?? {})
  return { service: name, weight }
}

/**
 * The ways in which a VirtualService may write the Service's host: its name alone within a
 * namespace, or in full.
 */
function hostsOf(service: Service, from: VirtualService): string[] {
  const { name } = service.value.metadata
  const full = `${name}.${namespaceOf(service)}.svc.cluster.local`
  return namespaceOf(service) === namespaceOf(from) ? [name, full] : [full]
}
