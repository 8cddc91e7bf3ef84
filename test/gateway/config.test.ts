import path from 'node:path'
import t, { type Test } from 'tap'
import type { Plan } from '../../examples/ingress-gateway/istio/plan.ts'
import { ConfigurationError } from '../../examples/ingress-gateway/istio/problem.ts'
import { readDocuments } from '../../examples/ingress-gateway/istio/read.ts'
import { resolvePlan } from '../../examples/ingress-gateway/istio/resolve.ts'
import { source } from '../programs.ts'

const folder = source('examples/ingress-gateway/config')

function planOf(paths: readonly string[]): Plan {
  return resolvePlan(readDocuments(paths))
}

/**
 * What a file with this text, beside the seed's others, has wrong: `line: document: path: message`.
 */
function problemsOf(t: Test, text: string, others: readonly string[] = []): string[] {
  const file = path.join(t.testdir({ 'given.yaml': text }), 'given.yaml')
  try {
    planOf([file, ...others.map((name) => path.join(folder, name))])
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return error.problems.map(({ line, document, path, message }) => `${line}: ${document}: ${path}: ${message}`)
  }
  return []
}

function edited(t: Test, text: string, others: readonly string[]): Plan {
  const file = path.join(t.testdir({ 'given.yaml': text }), 'given.yaml')
  return planOf([file, ...others.map((name) => path.join(folder, name))])
}

const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ['*.example.com', example.org]
`
const services = `
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 1}, {port: 2}]}
---
apiVersion: v1
kind: Service
metadata: {name: b, namespace: far}
spec: {ports: [{port: 3}]}
`
const virtualService = (spec: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: ${spec}
`
const together = (...documents: string[]): string => documents.join('---')

t.test("the seed's documents are understood", async (t) => {
  const plan = planOf([folder])
  t.match(plan, {
    workers: 4,
    devices: 1,
    balancing: {},
    balancingWhy: 'EnvoyFilter istio-system/dlb',
    clusterPort: 80,
    notes: [],
  })
  t.strictSame(plan.virtualHosts, [
    {
      hosts: ['httpbin.example.com'],
      routes: [
        {
          matches: [
            { type: 'prefix', value: '/status' },
            { type: 'prefix', value: '/delay' },
          ],
          targets: [{ service: 'httpbin:8000', weight: 1 }],
        },
      ],
    },
  ])
  t.strictSame([...plan.services], [['httpbin:8000', { app: 'httpbin' }]])
})

t.test('a file that is also in a given folder is read once', async (t) => {
  t.equal(planOf([folder, path.join(folder, 'config.yaml')]).workers, 4)
})

t.test('without the EnvoyFilter there is no DLB balancing', async (t) => {
  const files = ['config.yaml', 'httpbin.yaml', 'httpbin-gateway.yaml'].map((name) => path.join(folder, name))
  t.match(planOf(files), { balancing: null, balancingWhy: 'no EnvoyFilter turns DLB connection balancing on' })
})

const filter = (namespace: string, label: string, context: string, more = ''): string => `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: dlb, namespace: ${namespace}}
spec:
  workloadSelector: {labels: {istio: ${label}}}
  configPatches:
  - applyTo: LISTENER
    match: {context: ${context}}
    patch:
      operation: MERGE
      value:
        connection_balance_config:
          extend_balance:
            name: envoy.network.connection_balance.dlb
            typed_config: {"@type": type.googleapis.com/envoy.extensions.network.connection_balance.dlb.v3alpha.Dlb${more}}
`
const others = ['config.yaml', 'httpbin.yaml', 'httpbin-gateway.yaml']

t.test('an EnvoyFilter for something else has no effect, which is said', async (t) => {
  const notes = [
    { text: filter('default', 'ingressgateway', 'GATEWAY'), why: 'the gateway is in namespace istio-system' },
    { text: filter('istio-system', 'egressgateway', 'ANY'), why: 'istio=egressgateway does not select the gateway' },
    { text: filter('istio-system', 'ingressgateway', 'SIDECAR_INBOUND'), why: 'it is not for the context GATEWAY' },
  ]
  for (const { text, why } of notes) {
    const plan = edited(t, text, others)
    t.equal(plan.balancing, null)
    t.match(plan.notes[0], why)
  }
  t.ok(edited(t, filter('istio-system', 'ingressgateway', 'ANY'), others).balancing)
})

t.test("the EnvoyFilter's own settings become the balancer's", async (t) => {
  const dlb = (settings: string): string => filter('istio-system', 'ingressgateway', 'GATEWAY', settings)
  const names = { None: 'none', NopConnectionBalance: 'nop', ExactConnectionBalance: 'exact' }
  for (const [name, fallbackPolicy] of Object.entries(names)) {
    const { balancing } = edited(t, dlb(`, id: 3, max_retries: 10, fallback_policy: ${name}`), others)
    t.strictSame(balancing, { id: 3, maxRetries: 10, fallbackPolicy })
  }
  t.throws(() => edited(t, dlb(', id: 64, fallback_policy: Best'), others), {
    message: /typed_config\.id: .*0 to 63[\s\S]*typed_config\.fallback_policy: .*ExactConnectionBalance/,
  })
  t.throws(() => edited(t, dlb(', fallback_policy: None'), others.slice(1)), {
    message:
      /configPatches\[0\]\..*typed_config\.fallback_policy: None wants a device, and the IstioOperator asks for no/,
  })
})

t.test('unknown kinds and fields are reported with line, document and path, all at once', async (t) => {
  const text = `apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  components:
    ingressGateways:
    - enabled: false
      name: istio-ingressgateway
      k8s:
        podAnnotations:
          proxy.istio.io/config: |
            # comment
            concurrency: four
            drainDuration: 45s
        resources:
          limits:
            dlb.intel.com/pf: 0.5
---
kind: Certificate
---
---
- a list
---
apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata:
  name: g
spec:
  selector: []
  servers:
  - port:
      number: 0
      name: http
      protocol: HTTPS
    tls: {}
    hosts:
    - "a b"
  - hosts: []
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: g
spec:
  hosts: x
  http:
  - match:
    - uri: { prefix: /a, exact: /b }
    - uri: {}
    - uri: { prefix: a }
    route:
    - destination: {host: a}
  - redirect: {}
---
a: b
  c: d
`
  const k8s = 'spec.components.ingressGateways[0].k8s'
  t.strictSame(problemsOf(t, text), [
    '6: 1: spec.components.ingressGateways[0].enabled: expected true (this gateway is the ingress gateway), not false',
    `12: 1: ${k8s}.podAnnotations["proxy.istio.io/config"].concurrency: expected a whole number from 0 to 2147483647, not "four"`,
    `13: 1: ${k8s}.podAnnotations["proxy.istio.io/config"].drainDuration: unknown field; known here: concurrency`,
    `16: 1: ${k8s}.resources.limits["dlb.intel.com/pf"]: expected a whole amount, such as '1', not 0.5`,
    '18: 2: kind: unknown kind "Certificate"; the gateway reads IstioOperator, Service, Gateway, VirtualService, EnvoyFilter',
    '21: 4: kind: no Kubernetes document: the gateway reads IstioOperator, Service, Gateway, VirtualService, EnvoyFilter',
    '28: 5: spec.selector: expected fields, not a list',
    '31: 5: spec.servers[0].port.number: expected a whole number from 1 to 65535, not 0',
    '33: 5: spec.servers[0].port.protocol: expected HTTP or HTTP2: this gateway speaks HTTP/1.1 without TLS, not "HTTPS"',
    '34: 5: spec.servers[0].tls: Istio knows this field, and this gateway does not do it: it has no TLS',
    '36: 5: spec.servers[0].hosts[0]: expected a host name, * or *.suffix, not "a b"',
    '37: 5: spec.servers[1].hosts: the list is empty',
    '37: 5: spec.servers[1]: port is missing',
    '44: 6: spec.hosts: expected a list, not "x"',
    '47: 6: spec.http[0].match[0].uri: exactly one of prefix, exact, regex is needed',
    '48: 6: spec.http[0].match[1].uri: exactly one of prefix, exact, regex is needed',
    '49: 6: spec.http[0].match[2].uri.prefix: expected a path that starts with /, not "a"',
    '52: 6: spec.http[1].redirect: Istio knows this field, and this gateway does not do it: it only forwards',
    '54: 7: : Nested mappings are not allowed in compact mappings',
    '54: 7: : Implicit keys need to be on a single line',
  ])
})

t.test('files that are not there are reported', async (t) => {
  const empty = t.testdir({})
  t.throws(() => readDocuments([empty]), /the folder has no \.yaml file/)
  t.throws(() => readDocuments(['/nonexistent.yaml']), /\/nonexistent\.yaml: there is no such file or folder/)
})

t.test('what does not fit together is reported, all at once', async (t) => {
  const text = together(
    gateway,
    gateway.replace('number: 80', 'number: 81'),
    services,
    virtualService(`
  hosts: [x.example.com, b.org]
  gateways: [g, h]
  http:
  - match: [{uri: {regex: '('}}]
    route:
    - destination: {host: x}
    - destination: {host: a, port: {number: 3}}
    - destination: {host: a}
    - destination: {host: b}`),
  )
  t.strictSame(
    problemsOf(t, text).map((problem) => problem.replace(/^\d+: /, '')),
    [
      '2: metadata.name: Gateway g is there twice',
      '2: spec.servers[0].port.number: this gateway has one port, and another server has 80',
      '5: spec.gateways[1]: there is no Gateway h',
      "5: spec.http[0].match[0].uri.regex: Istio's regular expressions are RE2's, which does not take this one: error parsing regexp: missing closing ): `(`",
      '5: spec.http[0].route[0].destination.host: there is no Service x; there is a, a.default.svc.cluster.local, b.far.svc.cluster.local',
      '5: spec.http[0].route[1].destination.port.number: port 3 is not there: Service a has 1, 2',
      '5: spec.http[0].route[2].destination.port.number: the port is missing: Service a has 1, 2',
      '5: spec.http[0].route[3].destination.host: there is no Service b; there is a, a.default.svc.cluster.local, b.far.svc.cluster.local',
      '5: spec.http[0].route: of several destinations, one at least needs a weight',
    ],
  )
  t.match(problemsOf(t, services), ['0: 0: : no Gateway: nothing to serve'])
  t.match(problemsOf(t, gateway.replace('ingressgateway', 'other')), [/no Gateway selects this gateway/])
})

const refused: [regex: string, why: RegExp][] = [
  ['/a(?=b).*', /`\(\?=`/],
  ['/(?!a).*', /`\(\?!`/],
  ['/(?<=a)b', /`\(\?</],
  ['/(a)\\1', /`\\1`/],
  ['/a{2000}', /`\{2000\}`/],
  ['/[z-a]', /`z-a`/],
]
for (const [regex, why] of refused) {
  t.test(`the regex ${regex}, which RE2 does not take, is refused with document, field and reason`, async (t) => {
    const spec = `{hosts: [example.org], gateways: [g], http: [{match: [{uri: {regex: '${regex}'}}], route: [
      {destination: {host: a, port: {number: 1}}}]}]}`
    const [problem, ...others] = problemsOf(t, together(gateway, services, virtualService(spec)))
    t.strictSame(others, [])
    t.match(problem, /^\d+: 4: spec\.http\[0\]\.match\[0\]\.uri\.regex: .* RE2's/)
    t.match(problem, why)
  })
}

t.test('devices that are requested and not granted are reported', async (t) => {
  const operator = `
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec: {components: {ingressGateways: [
  {enabled: true, name: a, k8s: {resources: {requests: {dlb.intel.com/pf: 1}}}}, {enabled: true, name: b}]}}
`
  t.match(problemsOf(t, operator, ['httpbin.yaml', 'httpbin-gateway.yaml']), [
    /there is one gateway: this one is too many/,
    /as many dlb\.intel\.com\/pf in requests \(1\) as in limits \(0\)/,
  ])
})

t.test('hosts are those that both Gateway and VirtualService name', async (t) => {
  const route = 'http: [{route: [{destination: {host: b.far.svc.cluster.local}}]}]'
  const hostsOf = (hosts: string): readonly string[] => {
    const spec = `{hosts: ${hosts}, gateways: [g], ${route}}`
    return edited(t, together(gateway, services, virtualService(spec)), []).virtualHosts[0].hosts
  }
  t.strictSame(hostsOf("['*']"), ['*.example.com', 'example.org'])
  t.strictSame(hostsOf("['*.A.Example.com', example.ORG]"), ['*.a.example.com', 'example.org'])
  t.strictSame(hostsOf("['*.com']"), ['*.example.com'])
})

t.test('a destination may do without a port where there is one only, and weights are kept', async (t) => {
  const spec = `{hosts: [example.org], gateways: [default/g], http: [{name: r, route: [
    {destination: {host: b.far.svc.cluster.local}, weight: 90},
    {destination: {host: a, port: {number: 2}}, weight: 10}]}]}`
  const { virtualHosts, workers, workersWhy } = edited(t, together(gateway, services, virtualService(spec)), [])
  t.strictSame(virtualHosts[0].routes[0].targets, [
    { service: 'far/b:3', weight: 90 },
    { service: 'a:2', weight: 10 },
  ])
  t.equal(workers, 2)
  t.match(workersWhy, /Istio's default/)
})

t.test('a VirtualService that is for the mesh has no effect, which is said', async (t) => {
  const spec = '{hosts: [example.org], http: [{route: [{destination: {host: a, port: {number: 1}}}]}]}'
  const { virtualHosts, notes } = edited(t, together(gateway, services, virtualService(spec)), [])
  t.strictSame(virtualHosts, [])
  t.strictSame(notes, ['VirtualService v has no effect: it is for mesh'])
})

const to = (service: string, ...paths: string[]): string =>
  `{match: [${paths.map((path) => `{uri: {prefix: ${path}}}`)}], route: [{destination: {host: ${service}, port: {number: 1}}}]}`
const all = '{route: [{destination: {host: a, port: {number: 2}}}]}'

t.test('the routes of several VirtualServices for a host are put together, those for every path last', async (t) => {
  const first = virtualService(
    `{hosts: [example.org, x.example.com], gateways: [g], http: [${to('a', '/one')}, ${all}]}`,
  )
  const second = virtualService(`{hosts: [Example.org], gateways: [g], http: [${to('a', '/two')}]}`)
  const documents = together(gateway, services, first, second.replace('name: v', 'name: w'))
  const { virtualHosts } = edited(t, documents, [])
  const shown = virtualHosts.map(({ hosts, routes }) => {
    return [hosts, routes.map(({ matches, targets }) => [matches.map(({ value }) => value).join(), targets[0].service])]
  })
  const [one, two, every] = [
    ['/one', 'a:1'],
    ['/two', 'a:1'],
    ['', 'a:2'],
  ]
  t.strictSame(shown, [
    [['example.org'], [one, two, every]],
    [['x.example.com'], [one, every]],
  ])
})

t.test('the first route that matches is taken, also where it is for every path', async (t) => {
  const shown = (...specs: string[]): unknown => {
    const documents = specs.map((routes, i) => {
      const spec = `{hosts: [example.org], gateways: [g], http: [${routes}]}`
      return virtualService(spec).replace('name: v', `name: v${i}`)
    })
    const { virtualHosts } = edited(t, together(gateway, services, ...documents), [])
    return virtualHosts[0].routes.map(({ matches }) => matches.map(({ value }) => value).join())
  }
  t.strictSame(shown(`${to('a', '/one')}, ${to('a', '/')}, ${to('a', '/two')}`), ['/one', '/'])
  t.strictSame(shown(`${all}, ${to('a', '/two')}`), [''])
  t.strictSame(shown(to('a', '/one', '/', '/two'), to('a', '/onetwo')), ['/one', '/onetwo', '/'])
})

const served = (t: Test, entry: string, name: string, namespace = 'default'): readonly string[] => {
  const spec = `{hosts: [shop.example.com], gateways: [${name}], http: [${to('a.default.svc.cluster.local', '/')}]}`
  const documents = [
    gateway.replace("hosts: ['*.example.com', example.org]", `hosts: ['${entry}']`),
    services,
    virtualService(spec).replace('{name: v}', `{name: v, namespace: ${namespace}}`),
  ]
  return edited(t, together(...documents), []).virtualHosts.flatMap(({ hosts }) => hosts)
}

const entries: [entry: string, namespace: string, hosts: string[]][] = [
  ['shop.example.com', 'far', ['shop.example.com']],
  ['*/shop.example.com', 'far', ['shop.example.com']],
  ['*/*', 'far', ['shop.example.com']],
  ['far/shop.example.com', 'far', ['shop.example.com']],
  ['far/*.example.com', 'far', ['shop.example.com']],
  ['./shop.example.com', 'default', ['shop.example.com']],
  ['./shop.example.com', 'far', []],
  ['default/*', 'far', []],
  ['*op.example.com', 'default', ['shop.example.com']],
]
for (const [entry, namespace, hosts] of entries) {
  t.test(`a Gateway's ${entry} is ${hosts.length > 0 ? '' : 'not '}for namespace ${namespace}`, async (t) => {
    t.strictSame(served(t, entry, 'default/g', namespace), hosts)
  })
}

for (const name of ['g', './g', 'default/g', 'g.default', 'g.default.svc.cluster.local']) {
  t.test(`a VirtualService names its Gateway ${name}`, async (t) => {
    t.strictSame(served(t, '*', name), ['shop.example.com'])
  })
}

t.test('a host that its Gateway does not have is not served, which is said', async (t) => {
  const spec = `{hosts: [shop.org, example.org], gateways: [g, mesh], http: [${to('a', '/')}]}`
  const { virtualHosts, notes } = edited(t, together(gateway, services, virtualService(spec)), [])
  t.strictSame(virtualHosts[0].hosts, ['example.org'])
  t.strictSame(notes, [
    'host shop.org of VirtualService v is not served: its Gateway does not have it, but *.example.com, example.org',
  ])
})

/** As `kubectl get -o yaml` prints it. */
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
    ports: [{name: http, nodePort: 30000, port: 80, protocol: TCP, targetPort: http, appProtocol: http}, {port: 53, protocol: UDP}]
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
    const spec = `{hosts: [example.org], gateways: [g], http: [${start}, route: [{destination: {host: a, port: {number: 1}}}]}]}`
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
