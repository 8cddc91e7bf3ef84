import t from 'tap'
import { all, edited, gateway, problemsOf, services, together, virtualService } from './documents.ts'

/** Documents as kubectl prints them, and what the gateway does not do. */

/** Documents as `kubectl get -o yaml` prints them. */
const printed = `
apiVersion: v1
items:
- apiVersion: networking.istio.io/v1beta1
  kind: Gateway
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"networking.istio.io/v1beta1","kind":"Gateway"}
      empty: ""
    creationTimestamp: "2026-11-01T10:00:00Z"
    generation: 2
    labels: {tier: ""}
    managedFields: [{manager: kubectl, operation: Apply, fieldsV1: {"f:spec": {}}}]
    name: g
    namespace: default
    resourceVersion: "1234"
    uid: 6f2c2b2e-0000-4000-8000-000000000000
  spec:
    selector: {istio: ingressgateway}
    servers:
    - name: web
      port: {name: http2, number: 80, protocol: HTTP2, targetPort: 8080}
      hosts: ['*']
  status: {}
- apiVersion: networking.istio.io/v1beta1
  kind: VirtualService
  metadata: {name: v, namespace: default, creationTimestamp: null, ownerReferences: [{kind: X, name: y}]}
  spec:
    exportTo: ['*']
    gateways: [g]
    hosts: ['*']
    http:
    - name: r
      timeout: 5s
      retries: {attempts: 2}
      match: [{name: m, ignoreUriCase: false, uri: {prefix: /}}]
      route: [{destination: {host: a}, weight: 100}]
- apiVersion: v1
  kind: Service
  metadata: {name: a, namespace: default, labels: null}
  spec:
    clusterIP: 10.0.0.1
    clusterIPs: [10.0.0.1]
    internalTrafficPolicy: Cluster
    ipFamilies: [IPv4]
    ipFamilyPolicy: SingleStack
    ports:
    - {name: http, nodePort: 30000, port: 80, protocol: TCP, targetPort: http, appProtocol: http}
    - {port: 53, protocol: UDP}
    selector: {app: a}
    sessionAffinity: None
    type: LoadBalancer
  status: {loadBalancer: {ingress: [{ip: 1.2.3.4}]}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: a}
  spec: {replicas: 1}
- apiVersion: networking.istio.io/v1
  kind: DestinationRule
  metadata: {name: a}
  spec: {host: a, trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}}}
kind: List
metadata: {resourceVersion: ""}
`

t.test('documents are taken as kubectl prints them, and what has no effect is said', async (t) => {
  const plan = edited(t, printed, [])
  t.strictSame(plan.virtualHosts, [
    {
      hosts: ['*'],
      routes: [{ matches: [{ type: 'prefix', value: '/' }], targets: [{ service: 'a:80', weight: 100 }] }],
    },
  ])
  t.strictSame([...plan.services], [['a:80', { app: 'a' }]])
  t.match(plan.notes, [
    'Deployment a has no effect: it is for the cluster',
    'DestinationRule a has no effect: this gateway knows no pods',
    /given\.yaml:\d+, document 1, items\[1\]\.spec\.http\[0\]\.timeout: --backend-timeout says/,
    /items\[1\]\.spec\.http\[0\]\.retries: /,
    'g has HTTP2: it is HTTP/1.1 here',
  ])
})

t.test('a problem in a list is told with its item', async (t) => {
  const [problem] = problemsOf(t, printed.replace('destination: {host: a}', 'destination: {host: z}'))
  t.match(problem, /^\d+: 1: items\[1\]\.spec\.http\[0\]\.route\[0\]\.destination\.host: there is no Service z/)
  t.notMatch(problem, /^0: /)
})

const notDone: [where: string, spec: string][] = [
  ['match[0].headers', '{match: [{uri: {prefix: /}, headers: {a: {exact: b}}}]'],
  ['match[0].method', '{match: [{uri: {prefix: /}, method: {exact: GET}}]'],
  ['match[0].queryParams', '{match: [{uri: {prefix: /}, queryParams: {a: {exact: b}}}]'],
  ['match[0].authority', '{match: [{uri: {prefix: /}, authority: {exact: b}}]'],
  ['match[0].gateways', '{match: [{uri: {prefix: /}, gateways: [g]}]'],
  ['rewrite', '{rewrite: {uri: /}'],
  ['fault', '{fault: {}'],
  ['mirror', '{mirror: {host: a}'],
  ['headers', '{headers: {request: {remove: [a]}}'],
  ['corsPolicy', '{corsPolicy: {}'],
]
for (const [where, start] of notDone) {
  t.test(`what changes where a request goes or what it says is refused by name: ${where}`, async (t) => {
    const route = '{destination: {host: a, port: {number: 1}}}'
    const spec = `{hosts: [example.org], gateways: [g], http: [${start}, route: [${route}]}]}`
    const problems = problemsOf(t, together(gateway, services, virtualService(spec)))
    t.match(problems, [`4: spec.http[0].${where}: Istio knows this field, and this gateway does not do it: `])
    t.equal(problems.length, 1)
  })
}

t.test(
  'kinds that Istio knows and the gateway does not do are refused by name, and others are not needed',
  async (t) => {
    const kinds = [
      ['AuthorizationPolicy', 'security.istio.io/v1'],
      ['ServiceEntry', 'networking.istio.io/v1'],
      ['Ingress', 'networking.k8s.io/v1'],
      ['Gateway', 'gateway.networking.k8s.io/v1'],
      ['HTTPRoute', 'gateway.networking.k8s.io/v1'],
    ]
    for (const [kind, apiVersion] of kinds) {
      const problems = problemsOf(
        t,
        `{kind: ${kind}, apiVersion: ${apiVersion}, metadata: {name: a}, spec: {listeners: []}}`,
      )
      t.match(problems, [`1: kind: Istio knows the kind ${kind}, and this gateway does not do it: `])
      t.equal(problems.length, 1)
    }
    const spec = `{hosts: [example.org], gateways: [g], http: [${all}]}`
    const telemetry = '\nkind: Telemetry\nmetadata: {name: a}\n'
    const { notes } = edited(t, together(gateway, services, virtualService(spec), telemetry), [])
    t.strictSame(notes, ['Telemetry a has no effect: this gateway has no telemetry'])
  },
)

const operators: [what: string, spec: string, notes: RegExp[]][] = [
  ['a profile', '{profile: demo}', []],
  ['a mesh', '{meshConfig: {accessLogFile: /dev/stdout}}', [/spec\.meshConfig: not read here/]],
  ['other components', '{components: {pilot: {enabled: true}, egressGateways: [{name: a}]}}', []],
  ['a gateway as the profile has it', '{components: {ingressGateways: [{name: a}]}}', []],
  [
    'replicas',
    '{components: {ingressGateways: [{name: a, k8s: {hpaSpec: {minReplicas: 1, maxReplicas: 5}}}]}}',
    [/maxReplicas: this gateway is one process/],
  ],
  [
    'telemetry',
    '{values: {telemetry: {enabled: true, v2: {enabled: true}}}}',
    [/telemetry\.enabled: this gateway has no telemetry/, /telemetry\.v2: this gateway has no telemetry/],
  ],
  ['no telemetry', '{values: {telemetry: {enabled: false}}}', []],
]
for (const [what, spec, expected] of operators) {
  t.test(`an IstioOperator may only say ${what}`, async (t) => {
    const operator = `\napiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: ${spec}\n`
    const routes = virtualService(`{hosts: [example.org], gateways: [g], http: [${all}]}`)
    const { workers, notes } = edited(t, together(operator, gateway, services, routes), [])
    t.equal(workers, 2)
    t.match(notes, expected)
    t.equal(notes.length, expected.length)
  })
}

t.test('what is not done here is told once, and not as something that is missing', async (t) => {
  for (const [route, where] of [
    ['{redirect: {uri: /}}', 'redirect'],
    ['{match: [{headers: {a: {exact: b}}}], route: [{destination: {host: a, port: {number: 1}}}]}', 'match[0].headers'],
  ]) {
    const spec = `{hosts: [example.org], gateways: [g], http: [${route}]}`
    const problems = problemsOf(t, together(gateway, services, virtualService(spec)))
    t.match(problems, [`4: spec.http[0].${where}: Istio knows this field`])
    t.equal(problems.length, 1)
  }
})
