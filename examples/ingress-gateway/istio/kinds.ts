import {
  type Infer,
  integer,
  list,
  map,
  object,
  oneField,
  only,
  quantity,
  text,
  wholeQuantity,
  yamlText,
} from './schema.ts'

/**
 * The documents that the gateway reads, and every field of theirs that it knows. A field is here if it has its effect,
 * or if its only accepted values describe what this gateway is anyway; README.md tells which is which.
 */

const MAX_INT32 = 2 ** 31 - 1
/** The balancer's bounds. */
const MAX_DEVICE = 63
const MAX_RETRIES = 1_000_000
const port = integer(1, 65_535)
const labels = map(text('a label'))
const label = '[a-z0-9]([a-z0-9-]*[a-z0-9])?'
const name = text('a name of lower-case letters, digits, - and .', /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
const hostName = text('a host name', new RegExp(`^${label}(\\.${label})*$`, 'i'))
const hostPattern = text('a host name, * or *.suffix', new RegExp(`^(\\*|(\\*\\.)?${label}(\\.${label})*)$`, 'i'))

const metadata = object({ name }, { namespace: name, labels, annotations: map(text()) })

const resources = object({}, { cpu: quantity, memory: quantity, 'dlb.intel.com/pf': wholeQuantity })

const ingressGateway = object(
  { name, enabled: only([true], 'this gateway is the ingress gateway') },
  {
    k8s: object(
      {},
      {
        overlays: list(object({ kind: only(['Deployment']), name })),
        podAnnotations: object(
          {},
          { 'proxy.istio.io/config': yamlText(object({}, { concurrency: integer(0, MAX_INT32) })) },
        ),
        resources: object({}, { requests: resources, limits: resources }),
        hpaSpec: object(
          {},
          {
            minReplicas: only([1], 'this gateway is one process'),
            maxReplicas: only([1], 'this gateway is one process'),
          },
        ),
      },
    ),
  },
)

const istioOperator = object(
  {
    apiVersion: only(['install.istio.io/v1alpha1']),
    kind: only(['IstioOperator']),
    spec: object(
      { components: object({ ingressGateways: list(ingressGateway) }) },
      {
        profile: only(['default', 'minimal', 'empty']),
        values: object({}, { telemetry: object({ enabled: only([false], 'this gateway has no telemetry') }) }),
      },
    ),
  },
  { metadata: object({}, { name, namespace: name }) },
)

const service = object({
  apiVersion: only(['v1']),
  kind: only(['Service']),
  metadata,
  spec: object(
    { ports: list(object({ port }, { name, targetPort: port, protocol: only(['TCP']) })) },
    { selector: labels },
  ),
})

const networking = only(['networking.istio.io/v1alpha3', 'networking.istio.io/v1beta1', 'networking.istio.io/v1'])

const gateway = object({
  apiVersion: networking,
  kind: only(['Gateway']),
  metadata,
  spec: object({
    selector: labels,
    servers: list(
      object({
        port: object({ number: port, name, protocol: only(['HTTP'], 'this gateway speaks HTTP/1.1') }),
        hosts: list(hostPattern),
      }),
    ),
  }),
})

const httpRoute = object(
  {
    route: list(
      object(
        { destination: object({ host: hostName }, { port: object({ number: port }) }) },
        { weight: integer(0, MAX_INT32) },
      ),
    ),
  },
  {
    name: text(),
    match: list(
      object({
        uri: oneField({
          prefix: text('a path that starts with /', /^\//),
          exact: text('a path that starts with /', /^\//),
          regex: text(),
        }),
      }),
    ),
  },
)

const virtualService = object({
  apiVersion: networking,
  kind: only(['VirtualService']),
  metadata,
  spec: object({ hosts: list(hostPattern), http: list(httpRoute) }, { gateways: list(text('the name of a Gateway')) }),
})

const dlbBalance = object({
  extend_balance: object({
    name: only(['envoy.network.connection_balance.dlb']),
    typed_config: object(
      { '@type': only(['type.googleapis.com/envoy.extensions.network.connection_balance.dlb.v3alpha.Dlb']) },
      {
        id: integer(0, MAX_DEVICE),
        max_retries: integer(0, MAX_RETRIES),
        fallback_policy: only(['None', 'NopConnectionBalance', 'ExactConnectionBalance']),
      },
    ),
  }),
})

const envoyFilter = object({
  apiVersion: only(['networking.istio.io/v1alpha3']),
  kind: only(['EnvoyFilter']),
  metadata,
  spec: object(
    {
      configPatches: list(
        object(
          {
            applyTo: only(['LISTENER'], 'the only use of an EnvoyFilter here is DLB connection balancing'),
            patch: object({
              operation: only(['MERGE']),
              value: object({ connection_balance_config: dlbBalance }),
            }),
          },
          { match: object({ context: only(['ANY', 'GATEWAY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND']) }) },
        ),
      ),
    },
    { workloadSelector: object({ labels }) },
  ),
})

export const kinds = {
  IstioOperator: istioOperator,
  Service: service,
  Gateway: gateway,
  VirtualService: virtualService,
  EnvoyFilter: envoyFilter,
} as const

/** What a valid document of each kind is. */
export interface Values {
  readonly IstioOperator: Infer<typeof istioOperator>
  readonly Service: Infer<typeof service>
  readonly Gateway: Infer<typeof gateway>
  readonly VirtualService: Infer<typeof virtualService>
  readonly EnvoyFilter: Infer<typeof envoyFilter>
}

export type Kind = keyof Values

export function isKind(value: unknown): value is Kind {
  return typeof value === 'string' && Object.hasOwn(kinds, value)
}
