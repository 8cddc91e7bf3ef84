import path from 'node:path'
import t from 'tap'
import { readDocuments } from '../../examples/ingress-gateway/istio/read.ts'
import { edited, folder, gateway, planOf, problemsOf, services, together, virtualService } from './documents.ts'

/** The seed's documents, and what is wrong in others. */

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

const dlb = 'envoy.extensions.network.connection_balance.dlb.v3alpha.Dlb'
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
            typed_config: {"@type": type.googleapis.com/${dlb}${more}}
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
  const config = `${k8s}.podAnnotations["proxy.istio.io/config"]`
  const kinds = 'IstioOperator, Service, Gateway, VirtualService, EnvoyFilter'
  const port = 'spec.servers[0].port'
  t.strictSame(problemsOf(t, text), [
    '6: 1: spec.components.ingressGateways[0].enabled: expected true (this gateway is the ingress gateway), not false',
    `12: 1: ${config}.concurrency: expected a whole number from 0 to 2147483647, not "four"`,
    `13: 1: ${config}.drainDuration: unknown field; known here: concurrency`,
    `16: 1: ${k8s}.resources.limits["dlb.intel.com/pf"]: expected a whole amount, such as '1', not 0.5`,
    `18: 2: kind: unknown kind "Certificate"; the gateway reads ${kinds}`,
    `21: 4: kind: no Kubernetes document: the gateway reads ${kinds}`,
    '28: 5: spec.selector: expected fields, not a list',
    '31: 5: spec.servers[0].port.number: expected a whole number from 1 to 65535, not 0',
    `33: 5: ${port}.protocol: expected HTTP or HTTP2: this gateway speaks HTTP/1.1 without TLS, not "HTTPS"`,
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
  const there = 'there is a, a.default.svc.cluster.local, b.far.svc.cluster.local'
  const notRe2 = "Istio's regular expressions are RE2's, which does not take this one"
  t.strictSame(
    problemsOf(t, text).map((problem) => problem.replace(/^\d+: /, '')),
    [
      '2: metadata.name: Gateway g is there twice',
      '2: spec.servers[0].port.number: this gateway has one port, and another server has 80',
      '5: spec.gateways[1]: there is no Gateway h',
      `5: spec.http[0].match[0].uri.regex: ${notRe2}: error parsing regexp: missing closing ): \`(\``,
      `5: spec.http[0].route[0].destination.host: there is no Service x; ${there}`,
      '5: spec.http[0].route[1].destination.port.number: port 3 is not there: Service a has 1, 2',
      '5: spec.http[0].route[2].destination.port.number: the port is missing: Service a has 1, 2',
      `5: spec.http[0].route[3].destination.host: there is no Service b; ${there}`,
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
