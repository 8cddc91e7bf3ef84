import { Documents, nameOf, namespaceOf } from './documents.ts'
import { GATEWAY_NAMESPACE, labelsText, type Plan, selectsGateway } from './plan.ts'
import { ConfigurationError, type Path } from './problem.ts'
import type { Reading, Source } from './read.ts'
import { resolveVirtualHosts } from './virtual-hosts.ts'

/** Istio's default for `concurrency`. */
const DEFAULT_CONCURRENCY = 2

/** Our names for Envoy's policies. */
const fallbackPolicies = { None: 'none', NopConnectionBalance: 'nop', ExactConnectionBalance: 'exact' } as const

/** Puts the documents together. @throws ConfigurationError with all that does not fit together. */
export function resolvePlan(reading: Reading): Plan {
  const documents = new Documents(reading)
  documents.findDuplicates()
  const gateways = resolveGateways(documents)
  const workers = resolveWorkers(documents)
  const plan = {
    ...workers,
    ...resolveBalancing(documents, workers.devices),
    clusterPort: resolvePort(documents, gateways),
    ...resolveVirtualHosts(documents, gateways),
    notes: documents.notes,
  }
  if (documents.problems.length > 0) throw new ConfigurationError(documents.problems)
  return plan
}

function resolveWorkers(documents: Documents): Pick<Plan, 'workers' | 'workersWhy' | 'devices'> {
  const [operator, ...others] = documents.of('IstioOperator')
  if (!operator) return { workers: DEFAULT_CONCURRENCY, workersWhy: "no IstioOperator: Istio's default", devices: 0 }
  for (const other of others) documents.problem(other, ['kind'], 'there is one gateway, so one IstioOperator at most')
  const path: Path = ['spec', 'components', 'ingressGateways']
  const [gateway, ...rest] = operator.value.spec.components?.ingressGateways ?? []
  if (rest.length > 0) documents.problem(operator, [...path, 1], 'there is one gateway: this one is too many')
  const { requests, limits } = gateway?.k8s?.resources ?? {}
  const [requested, limit] = [requests, limits].map((amounts) => amounts?.['dlb.intel.com/pf'] ?? '0')
  if (requested !== limit) {
    const message = `Kubernetes wants as many dlb.intel.com/pf in requests (${requested}) as in limits (${limit})`
    documents.problem(operator, [...path, 0, 'k8s', 'resources'], message)
  }
  const concurrency = gateway?.k8s?.podAnnotations?.['proxy.istio.io/config']?.concurrency
  return {
    workers: concurrency ?? DEFAULT_CONCURRENCY,
    workersWhy:
      concurrency === undefined
        ? "no concurrency in the IstioOperator: Istio's default"
        : "the IstioOperator's concurrency",
    devices: Number(limit),
  }
}

function resolveBalancing(documents: Documents, devices: number): Pick<Plan, 'balancing' | 'balancingWhy'> {
  const [filter] = documents.of('EnvoyFilter').filter((candidate) => appliesHere(documents, candidate))
  if (!filter) return { balancing: null, balancingWhy: 'no EnvoyFilter turns DLB connection balancing on' }
  const path: Path = ['spec', 'configPatches', 0, 'patch', 'value', 'connection_balance_config', 'extend_balance']
  const { id, max_retries, fallback_policy } =
    filter.value.spec.configPatches[0].patch.value.connection_balance_config.extend_balance.typed_config
  if (fallback_policy === 'None' && devices === 0) {
    const message = 'None wants a device, and the IstioOperator asks for no dlb.intel.com/pf'
    documents.problem(filter, [...path, 'typed_config', 'fallback_policy'], message)
  }
  return {
    balancing: { id, maxRetries: max_retries, fallbackPolicy: fallback_policy && fallbackPolicies[fallback_policy] },
    balancingWhy: `EnvoyFilter ${nameOf(filter)}`,
  }
}

function appliesHere(documents: Documents, filter: Source<'EnvoyFilter'>): boolean {
  const { workloadSelector, configPatches } = filter.value.spec
  const { labels = {} } = workloadSelector ?? {}
  const contexts = configPatches.map(({ match }) => match?.context ?? 'ANY')
  if (namespaceOf(filter) !== GATEWAY_NAMESPACE) {
    documents.noEffect(filter, `the gateway is in namespace ${GATEWAY_NAMESPACE}`)
  } else if (!selectsGateway(labels)) {
    documents.noEffect(filter, `${labelsText(labels)} does not select the gateway`)
  } else if (!contexts.includes('ANY') && !contexts.includes('GATEWAY')) {
    documents.noEffect(filter, 'it is not for the context GATEWAY')
  } else return true
  return false
}

/** Selects the Gateways for this gateway. */
function resolveGateways(documents: Documents): Source<'Gateway'>[] {
  const all = documents.of('Gateway')
  const ours = all.filter(({ value }) => selectsGateway(value.spec.selector ?? {}))
  if (all.length === 0) {
    documents.problems.push({
      file: 'all files',
      line: 0,
      document: 0,
      path: '',
      message: 'no Gateway: nothing to serve',
    })
  } else if (ours.length === 0) {
    documents.problem(all[0], ['spec', 'selector'], 'no Gateway selects this gateway, which is istio=ingressgateway')
  }
  for (const gateway of all) {
    if (ours.includes(gateway)) continue
    documents.noEffect(gateway, `${labelsText(gateway.value.spec.selector ?? {})} does not select the gateway`)
  }
  return ours
}

function resolvePort(documents: Documents, gateways: readonly Source<'Gateway'>[]): number {
  const first = gateways[0]?.value.spec.servers[0].port.number ?? 0
  for (const gateway of gateways) {
    gateway.value.spec.servers.forEach(({ port }, i) => {
      if (port.protocol.toUpperCase() === 'HTTP2')
        documents.notes.push(`${nameOf(gateway)} has HTTP2: it is HTTP/1.1 here`)
      if (port.number === first) return
      const path: Path = ['spec', 'servers', i, 'port', 'number']
      documents.problem(gateway, path, `this gateway has one port, and another server has ${first}`)
    })
  }
  return first
}
