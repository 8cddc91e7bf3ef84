import {
  any,
  type Infer,
  integer,
  list,
  map,
  notDone,
  noted,
  object,
  oneField,
  only,
  quantity,
  text,
  wholeQuantity,
  yamlText,
} from './schema.ts'

/**
 * The documents that the gateway reads, with every field that it knows. A known field has its
 * effect, or describes what this gateway is anyway, or stands for something that Istio does and
 * this gateway does not, which is noted or refused.
 */

const MAX_INT32 = 2 ** 31 - 1
/** The balancer's bounds. */
const MAX_DEVICE = 63
const MAX_RETRIES = 1_000_000
const port = integer(1, 65_535)
const anyText = text('a text', /^/)
const labels = map(text('a label', /^/))
const label = '[a-z0-9]([a-z0-9-]*[a-z0-9])?'
/** Istio's wildcards stand for the start of a name, also for a part of its first label. */
const pattern = `(\\*([a-z0-9.-]*[a-z0-9])?|${label}(\\.${label})*)`
const name = text('a name of lower-case letters, digits, - and .', /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
const hostName = text('a host name', new RegExp(`^${label}(\\.${label})*$`, 'i'))
const hostPattern = text('a host name, * or *.suffix', new RegExp(`^${pattern}$`, 'i'))
const gatewayHost = text('a host name, * or *.suffix', new RegExp(`^((\\*|\\.|${label})/)?${pattern}$`, 'i'))

/** The fields that the API server adds and kubectl prints. */
const metadata = object(
  { name },
  {
    namespace: name,
    labels,
    annotations: map(anyText),
    creationTimestamp: any,
    deletionGracePeriodSeconds: any,
    deletionTimestamp: any,
    finalizers: any,
    generateName: any,
    generation: any,
    managedFields: any,
    ownerReferences: any,
    resourceVersion: any,
    selfLink: any,
    uid: any,
  },
)
const status = any

const resources = object({}, { cpu: quantity, memory: quantity, 'dlb.intel.com/pf': wholeQuantity }, any)

const noTelemetry = 'this gateway has no telemetry'
const one = noted('this gateway is one process', 1)

const ingressGateway = object(
  { name },
  {
    enabled: only([true], 'this gateway is the ingress gateway'),
    label: any,
    namespace: name,
    k8s: object(
      {},
      {
        overlays: list(
          object({ kind: only(['Deployment']), name }, { apiVersion: any, patches: noted('not read here') }),
        ),
        podAnnotations: object(
          {},
          { 'proxy.istio.io/config': yamlText(object({}, { concurrency: integer(0, MAX_INT32) })) },
          any,
        ),
        resources: object({}, { requests: resources, limits: resources }, any),
        hpaSpec: object({}, { minReplicas: one, maxReplicas: one }, any),
        replicaCount: one,
        env: noted("Envoy's and Istio's environment is not read here"),
      },
      // How the cluster runs it.
      any,
    ),
  },
)

const istioOperator = object(
  {
    apiVersion: only(['install.istio.io/v1alpha1']),
    kind: only(['IstioOperator']),
    spec: object(
      {},
      {
        components: object({}, { ingressGateways: list(ingressGateway) }, any),
        profile: only(['default', 'minimal', 'empty', 'demo']),
        values: object(
          {},
          { telemetry: object({}, { enabled: noted(noTelemetry, false) }, noted(noTelemetry)) },
          noted('not read here'),
        ),
        meshConfig: noted('not read here'),
        unvalidatedValues: noted('not read here'),
        // These concern the installation.
        addonComponents: any,
        hub: any,
        installPackagePath: any,
        namespace: any,
        revision: any,
        tag: any,
      },
    ),
  },
  { metadata: object({}, { ...metadata.optional, name }), status },
)

const service = object(
  {
    apiVersion: only(['v1']),
    kind: only(['Service']),
    metadata,
    spec: object(
      {},
      {
        // The cluster decides which port of a pod is used. Here, --backend says where a service is.
        ports: list(object({ port }, { name, protocol: only(['TCP', 'UDP', 'SCTP']) }, any)),
        selector: labels,
      },
      any,
    ),
  },
  { status },
)

const networking = only(['networking.istio.io/v1alpha3', 'networking.istio.io/v1beta1', 'networking.istio.io/v1'])

const gateway = object(
  {
    apiVersion: networking,
    kind: only(['Gateway']),
    metadata,
    spec: object(
      {
        servers: list(
          object(
            {
              port: object(
                {
                  number: port,
                  name,
                  protocol: text('HTTP or HTTP2: this gateway speaks HTTP/1.1 without TLS', /^http2?$/i),
                },
                { targetPort: any },
              ),
              hosts: list(gatewayHost),
            },
            {
              name: anyText,
              bind: noted('--host says where the gateway listens'),
              tls: notDone('it has no TLS'),
              defaultEndpoint: notDone('it only forwards by routes'),
            },
          ),
        ),
      },
      { selector: labels },
    ),
  },
  { status },
)

const noMatch = notDone('it only matches paths')

const httpMatch = object(
  {
    uri: oneField({
      prefix: text('a path that starts with /', /^\//),
      exact: text('a path that starts with /', /^\//),
      regex: text(),
    }),
  },
  {
    name: anyText,
    statPrefix: any,
    ignoreUriCase: only([false], 'this gateway matches paths as they are; a regex may start with (?i)'),
    authority: noMatch,
    gateways: notDone('a match is for all Gateways of its VirtualService'),
    headers: noMatch,
    method: noMatch,
    port: noMatch,
    queryParams: noMatch,
    scheme: noMatch,
    sourceLabels: notDone('it only serves clients from outside'),
    sourceNamespace: notDone('it only serves clients from outside'),
    withoutHeaders: noMatch,
  },
)

const answersItself = notDone('it only forwards')
const changes = notDone('it forwards requests and answers as they are')
const mirrors = notDone('it sends a request to one destination')

const httpRoute = object(
  {
    route: list(
      object(
        {
          destination: object(
            { host: hostName },
            { port: object({ number: port }), subset: notDone('it knows no pods, so no subsets of them') },
          ),
        },
        { weight: integer(0, MAX_INT32), headers: changes },
      ),
    ),
  },
  {
    name: anyText,
    match: list(httpMatch),
    retries: noted('this gateway repeats a request only if a kept connection was closed under it'),
    timeout: noted('--backend-timeout says how long a backend may take to start its answer'),
    corsPolicy: changes,
    delegate: notDone('it reads the routes of one VirtualService at a time'),
    directResponse: answersItself,
    fault: changes,
    headers: changes,
    mirror: mirrors,
    mirrorPercent: mirrors,
    mirrorPercentage: mirrors,
    mirror_percent: mirrors,
    mirrors,
    redirect: answersItself,
    rewrite: changes,
  },
)

const virtualService = object(
  {
    apiVersion: networking,
    kind: only(['VirtualService']),
    metadata,
    spec: object(
      { hosts: list(hostPattern), http: list(httpRoute) },
      {
        gateways: list(text('the name of a Gateway')),
        exportTo: list(only(['*'], 'this gateway sees every VirtualService')),
        tcp: notDone('it only speaks HTTP'),
        tls: notDone('it has no TLS'),
      },
    ),
  },
  { status },
)

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

const oneListener = notDone('it has one listener, of one version')

const envoyFilter = object(
  {
    apiVersion: only(['networking.istio.io/v1alpha3']),
    kind: only(['EnvoyFilter']),
    metadata,
    spec: object(
      {
        configPatches: list(
          object(
            {
              applyTo: only(['LISTENER'], 'the only use of an EnvoyFilter here is DLB connection balancing'),
              patch: object(
                { operation: only(['MERGE']), value: object({ connection_balance_config: dlbBalance }) },
                { filterClass: any },
              ),
            },
            {
              match: object(
                { context: only(['ANY', 'GATEWAY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND']) },
                { listener: oneListener, proxy: oneListener },
              ),
            },
          ),
        ),
      },
      {
        priority: any,
        workloadSelector: object({ labels }),
        targetRefs: notDone('workloadSelector says which gateway is meant'),
      },
    ),
  },
  { status },
)

export const kinds = {
  IstioOperator: istioOperator,
  Service: service,
  Gateway: gateway,
  VirtualService: virtualService,
  EnvoyFilter: envoyFilter,
} as const

/** The value of a valid document of each kind. */
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
