import { pathRegex, type Route, type Target, type VirtualHost } from '../proxy/routes.ts'
import { commonHosts } from './hosts.ts'
import type { Kind } from './kinds.ts'
import { DEFAULT_NAMESPACE, GATEWAY_NAMESPACE, labelsText, type Plan, selectsGateway } from './plan.ts'
import { ConfigurationError, type Path, type Problem } from './problem.ts'
import type { AnySource, Source } from './read.ts'

/** Istio's, where `concurrency` is not written. */
const DEFAULT_CONCURRENCY = 2

/** Puts the documents together. @throws ConfigurationError with all that does not fit together. */
export function resolvePlan(sources: readonly AnySource[]): Plan {
  return new Resolver(sources).plan()
}

class Resolver {
  readonly #sources: readonly AnySource[]
  readonly #problems: Problem[] = []
  readonly #notes: string[] = []
  readonly #services = new Map<string, Readonly<Record<string, string>>>()

  constructor(sources: readonly AnySource[]) {
    this.#sources = sources
  }

  plan(): Plan {
    this.#findDuplicates()
    const gateways = this.#gateways()
    const plan = {
      ...this.#workers(),
      ...this.#balancing(),
      clusterPort: this.#clusterPort(gateways),
      virtualHosts: this.#virtualHosts(gateways),
      services: this.#services,
      notes: this.#notes,
    }
    if (this.#problems.length > 0) throw new ConfigurationError(this.#problems)
    return plan
  }

  #of<K extends Kind>(kind: K): Source<K>[] {
    return this.#sources.filter((source) => source.kind === kind) as Source<K>[]
  }

  #problem(source: AnySource, path: Path, message: string): void {
    this.#problems.push(source.problem(path, message))
  }

  #findDuplicates(): void {
    const seen = new Set<string>()
    for (const source of this.#sources) {
      const id = `${source.kind} ${nameOf(source)}`
      if (seen.has(id)) this.#problem(source, ['metadata', 'name'], `${id} is there twice`)
      seen.add(id)
    }
  }

  #workers(): Pick<Plan, 'workers' | 'workersWhy' | 'devices'> {
    const [operator, ...others] = this.#of('IstioOperator')
    if (!operator) {
      return { workers: DEFAULT_CONCURRENCY, workersWhy: "no IstioOperator: Istio's default", devices: 0 }
    }
    for (const other of others) this.#problem(other, ['kind'], 'there is one gateway, so one IstioOperator at most')
    const gateways: Path = ['spec', 'components', 'ingressGateways']
    const [gateway, ...rest] = operator.value.spec.components.ingressGateways
    if (rest.length > 0) this.#problem(operator, [...gateways, 1], 'there is one gateway: this one is too many')
    const { requests, limits } = gateway.k8s?.resources ?? {}
    const [requested, limit] = [requests, limits].map((amounts) => amounts?.['dlb.intel.com/pf'] ?? '0')
    if (requested !== limit) {
      const path = [...gateways, 0, 'k8s', 'resources']
      this.#problem(
        operator,
        path,
        `Kubernetes wants the same dlb.intel.com/pf in requests (${requested}) and limits (${limit})`,
      )
    }
    const concurrency = gateway.k8s?.podAnnotations?.['proxy.istio.io/config']?.concurrency
    return {
      workers: concurrency ?? DEFAULT_CONCURRENCY,
      workersWhy:
        concurrency === undefined
          ? "no concurrency in the IstioOperator: Istio's default"
          : "the IstioOperator's concurrency",
      devices: Number(limit),
    }
  }

  #balancing(): Pick<Plan, 'balancing' | 'balancingWhy'> {
    const filters = this.#of('EnvoyFilter').filter((filter) => this.#appliesHere(filter))
    if (filters.length === 0)
      return { balancing: 'nop', balancingWhy: 'no EnvoyFilter turns DLB connection balancing on' }
    return { balancing: 'dlb', balancingWhy: `EnvoyFilter ${nameOf(filters[0])}` }
  }

  #appliesHere(filter: Source<'EnvoyFilter'>): boolean {
    const { metadata, spec } = filter.value
    const namespace = metadata.namespace ?? DEFAULT_NAMESPACE
    const { labels = {} } = spec.workloadSelector ?? {}
    const contexts = spec.configPatches.map(({ match }) => match?.context ?? 'ANY')
    if (namespace !== GATEWAY_NAMESPACE) {
      this.#notes.push(`EnvoyFilter ${nameOf(filter)} has no effect: the gateway is in namespace ${GATEWAY_NAMESPACE}`)
    } else if (!selectsGateway(labels)) {
      this.#notes.push(`EnvoyFilter ${nameOf(filter)} has no effect: ${labelsText(labels)} does not select the gateway`)
    } else if (!contexts.includes('ANY') && !contexts.includes('GATEWAY')) {
      this.#notes.push(`EnvoyFilter ${nameOf(filter)} has no effect: it is not for the context GATEWAY`)
    } else return true
    return false
  }

  /** Those for this gateway. */
  #gateways(): Source<'Gateway'>[] {
    const all = this.#of('Gateway')
    const ours = all.filter(({ value }) => selectsGateway(value.spec.selector))
    for (const gateway of all) {
      if (ours.includes(gateway)) continue
      const selector = labelsText(gateway.value.spec.selector)
      this.#notes.push(`Gateway ${nameOf(gateway)} has no effect: ${selector} does not select the gateway`)
    }
    if (ours.length === 0) this.#nothingToServe(all[0])
    return ours
  }

  #nothingToServe(gateway: Source<'Gateway'> | undefined): void {
    if (gateway) {
      this.#problem(
        gateway,
        ['spec', 'selector'],
        'no Gateway selects this gateway (istio=ingressgateway): nothing to serve',
      )
    } else {
      this.#problems.push({
        file: 'all files',
        line: 0,
        document: 0,
        path: '',
        message: 'no Gateway: nothing to serve',
      })
    }
  }

  #clusterPort(gateways: readonly Source<'Gateway'>[]): number {
    const first = gateways[0]?.value.spec.servers[0].port.number ?? 0
    for (const gateway of gateways) {
      gateway.value.spec.servers.forEach(({ port }, i) => {
        if (port.number === first) return
        const path = ['spec', 'servers', i, 'port', 'number']
        this.#problem(gateway, path, `this gateway has one port, and another server has ${first}`)
      })
    }
    return first
  }

  #virtualHosts(gateways: readonly Source<'Gateway'>[]): VirtualHost[] {
    const taken = new Map<string, string>()
    return this.#of('VirtualService').flatMap((service) => {
      const served = this.#gatewayHosts(service, gateways)
      if (!served) return []
      const hosts = commonHosts(service.value.spec.hosts, served)
      service.value.spec.hosts.forEach((host, i) => {
        if (commonHosts([host], served).length > 0) return
        this.#problem(service, ['spec', 'hosts', i], `its Gateway does not have this host, but ${served.join(', ')}`)
      })
      for (const host of hosts) {
        const other = taken.get(host)
        if (other) this.#problem(service, ['spec', 'hosts'], `${host} is VirtualService ${other}'s already`)
        taken.set(host, nameOf(service))
      }
      return [{ hosts, routes: service.value.spec.http.map((_, i) => this.#route(service, i)) }]
    })
  }

  /** @returns null if the VirtualService is not for this gateway. */
  #gatewayHosts(service: Source<'VirtualService'>, gateways: readonly Source<'Gateway'>[]): string[] | null {
    const { metadata, spec } = service.value
    // Istio's default is `mesh`: the sidecars.
    const names = (spec.gateways ?? ['mesh']).map((name) =>
      name === 'mesh' || name.includes('/') ? name : `${metadata.namespace ?? DEFAULT_NAMESPACE}/${name}`,
    )
    const all = this.#of('Gateway').map(nameOf)
    names.forEach((name, i) => {
      if (name === 'mesh' || all.includes(shortName(name))) return
      this.#problem(service, ['spec', 'gateways', i], `there is no Gateway ${shortName(name)}`)
    })
    const bound = gateways.filter((gateway) => names.map(shortName).includes(nameOf(gateway)))
    if (bound.length > 0) return bound.flatMap(({ value }) => value.spec.servers.flatMap(({ hosts }) => hosts))
    this.#notes.push(`VirtualService ${nameOf(service)} has no effect: it is for ${names.map(shortName).join(', ')}`)
    return null
  }

  #route(service: Source<'VirtualService'>, i: number): Route {
    const { match = [], route } = service.value.spec.http[i]
    const path: Path = ['spec', 'http', i]
    const matches = match.map(({ uri }, j) => {
      if (uri.prefix !== undefined) return { type: 'prefix', value: uri.prefix } as const
      if (uri.exact !== undefined) return { type: 'exact', value: uri.exact } as const
      const value = uri.regex ?? ''
      this.#checkRegex(service, [...path, 'match', j, 'uri', 'regex'], value)
      return { type: 'regex', value } as const
    })
    const targets = route.map((_, j) => this.#target(service, i, j)).filter((target) => target !== null)
    if (route.length > 1 && route.every(({ weight = 0 }) => weight === 0)) {
      this.#problem(service, [...path, 'route'], 'of several destinations, one at least needs a weight')
    }
    return { matches, targets }
  }

  #checkRegex(service: AnySource, path: Path, value: string): void {
    try {
      pathRegex(value)
    } catch (error) {
      this.#problem(service, path, (error as Error).message)
    }
  }

  #target(service: Source<'VirtualService'>, i: number, j: number): Target | null {
    const { route } = service.value.spec.http[i]
    const { destination, weight = route.length === 1 ? 1 : 0 } = route[j]
    const path: Path = ['spec', 'http', i, 'route', j, 'destination']
    const backend = this.#of('Service').find((candidate) => serviceNames(candidate, service).includes(destination.host))
    if (!backend) {
      this.#problem(service, [...path, 'host'], `there is no Service ${destination.host}`)
      return null
    }
    const ports = backend.value.spec.ports.map(({ port }) => port)
    const port = destination.port?.number ?? (ports.length === 1 ? ports[0] : undefined)
    if (port === undefined || !ports.includes(port)) {
      const wanted = port === undefined ? 'the port is missing' : `port ${port} is not there`
      this.#problem(
        service,
        [...path, 'port', 'number'],
        `${wanted}: Service ${nameOf(backend)} has ${ports.join(', ')}`,
      )
      return null
    }
    const target = { service: `${nameOf(backend)}:${port}`, weight }
    this.#services.set(target.service, backend.value.spec.selector ?? {})
    return target
  }
}

/** As the documents write it, with the namespace if it is not the default one. */
function nameOf({ value }: AnySource): string {
  const { name = value.kind, namespace = DEFAULT_NAMESPACE } = value.metadata ?? {}
  return shortName(`${namespace}/${name}`)
}

const shortName = (name: string): string => name.replace(new RegExp(`^${DEFAULT_NAMESPACE}/`), '')

/** How a VirtualService may write the Service's host: its name alone within a namespace, or in full. */
function serviceNames({ value }: Source<'Service'>, from: Source<'VirtualService'>): string[] {
  const { name, namespace = DEFAULT_NAMESPACE } = value.metadata
  const full = `${name}.${namespace}.svc.cluster.local`
  return namespace === (from.value.metadata.namespace ?? DEFAULT_NAMESPACE) ? [name, full] : [full]
}
