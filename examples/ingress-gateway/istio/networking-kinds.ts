import {
  anyText,
  gatewayHost,
  hostName,
  hostPattern,
  labels,
  MAX_INT32,
  metadata,
  name,
  port,
  status,
} from './common-fields.ts'
import { any, integer, list, notDone, noted, object, oneField, only, text } from './schema.ts'

/** The balancer's bounds. */
const MAX_DEVICE = 63
const MAX_RETRIES = 1_000_000

const networking = only(['networking.istio.io/v1alpha3', 'networking.istio.io/v1beta1', 'networking.istio.io/v1'])

export const gateway = object(
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

export const virtualService = object(
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

export const envoyFilter = object(
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
