import { labels, MAX_INT32, metadata, name, port, status } from './common-fields.ts'
import { any, integer, list, noted, object, only, quantity, wholeQuantity, yamlText } from './schema.ts'

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

export const istioOperator = object(
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

export const service = object(
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
