import t, { type Test } from 'tap'
import { all, edited, gateway, services, together, virtualService } from './documents.ts'

/** Which hosts and routes the documents make. */

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

const routeTo = (service: string): string => `route: [{destination: {host: ${service}, port: {number: 1}}}]`
const to = (service: string, ...paths: string[]): string =>
  `{match: [${paths.map((path) => `{uri: {prefix: ${path}}}`)}], ${routeTo(service)}}`

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
