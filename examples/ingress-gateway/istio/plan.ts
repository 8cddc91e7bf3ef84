import type { FallbackPolicy } from '../../../lib/index.ts'
import type { VirtualHost } from '../proxy/routes.ts'

/** What the documents ask of this gateway, all together. */
export interface Plan {
  /** `concurrency`; 0: one per CPU. */
  readonly workers: number
  readonly workersWhy: string
  /** null: none, each worker accepts for itself, as in Envoy without an EnvoyFilter. */
  readonly balancing: DlbBalancing | null
  readonly balancingWhy: string
  /** How many devices the gateway's pod would get; without one, Envoy has no hardware to find. */
  readonly devices: number
  /** The port in the Gateway, which is the cluster's. */
  readonly clusterPort: number
  readonly virtualHosts: readonly VirtualHost[]
  /** Services by host:port that requests are routed to, and the labels of what serves each. */
  readonly services: ReadonlyMap<string, Readonly<Record<string, string>>>
  /** Documents that are right and have no effect on this gateway, and why. */
  readonly notes: readonly string[]
}

/** What the EnvoyFilter says of DLB connection balancing; undefined: nothing. */
export interface DlbBalancing {
  /** The n of /dev/dlb<n>. */
  readonly id: number | undefined
  readonly maxRetries: number | undefined
  readonly fallbackPolicy: FallbackPolicy | undefined
}

type Labels = Readonly<Record<string, string>>

/** What Istio's own charts give the ingress gateway. */
export const GATEWAY_NAMESPACE = 'istio-system'
const GATEWAY_LABELS: Labels = { app: 'istio-ingressgateway', istio: 'ingressgateway' }

/** A namespace that is not written. */
export const DEFAULT_NAMESPACE = 'default'

/** @returns whether a selector selects this gateway's pod. */
export function selectsGateway(selector: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => GATEWAY_LABELS[name] === value)
}

export function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
}
