import type { FallbackPolicy } from '../../../lib/index.ts'
import type { VirtualHost } from '../proxy/routes.ts'

/** What all documents together ask of this gateway. */
export interface Plan {
  /** `concurrency`; 0: one per CPU. */
  readonly workers: number
  readonly workersWhy: string
  /**
   * null: there is no device, and each worker accepts for itself, as in Envoy without an
   * EnvoyFilter.
   */
  readonly balancing: DlbBalancing | null
  readonly balancingWhy: string
  /** How many devices the gateway's pod would get; without one, Envoy has no hardware to find. */
  readonly devices: number
  /** The port in the Gateway, which is the cluster's. */
  readonly clusterPort: number
  readonly virtualHosts: readonly VirtualHost[]
  /** The services that requests are routed to, by host:port, and the labels of what serves each. */
  readonly services: ReadonlyMap<string, Readonly<Record<string, string>>>
  /** Valid documents that have no effect on this gateway, and why. */
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

/** The namespace of documents that name none. */
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
