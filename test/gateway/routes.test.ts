import t from 'tap'
import { Router, type VirtualHost } from '../../examples/ingress-gateway/proxy/routes.ts'
import { normalisePath, readTarget } from '../../examples/ingress-gateway/proxy/target.ts'

const to = (service: string, ...matches: VirtualHost['routes'][number]['matches']): VirtualHost['routes'][number] => {
  return { matches, targets: [{ service, weight: 1 }] }
}

t.test('a prefix is one of the text, an exact path is whole, and a regex is of the whole path', async (t) => {
  const routes = [
    to('exact', { type: 'exact', value: '/status/exact' }),
    to('prefix', { type: 'prefix', value: '/status' }, { type: 'prefix', value: '/delay' }),
    to('regex', { type: 'regex', value: '/v[12]/|/x' }),
  ]
  const router = new Router([{ hosts: ['a'], routes }])
  const found = (path: string): string | null => router.find('a', path, 0)
  t.equal(found('/status/exact'), 'exact')
  t.equal(found('/status/exact/'), 'prefix')
  t.equal(found('/statuses'), 'prefix')
  t.equal(found('/Status'), null)
  t.equal(found('/delay/1'), 'prefix')
  t.equal(found('/v2/'), 'regex')
  t.equal(found('/v2/x'), null)
  t.equal(found('/x'), 'regex')
  t.equal(found('/'), null)
})

const patterns: [regex: string, path: string, matches: boolean][] = [
  ['(?i)/status/.*', '/STATUS/1', true],
  ['/foo\\-bar', '/foo-bar', true],
  ['/[\\w-.]+', '/a.b-c', true],
  ['/(?P<id>[0-9]+)', '/12', true],
  ['/(?P<id>[0-9]+)', '/12/3', false],
  ['/[[:alpha:]]+', '/abc', true],
  ['/\\pL+', '/\xc3\xa9', true],
  ['/a|/b', '/b/c', false],
  ['/\\d+', '/x/1', false],
  ['/a.b', '/a\nb', false],
]
for (const [regex, path, matches] of patterns) {
  t.test(
    `the regex ${regex} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(path)}, as in RE2`,
    async (t) => {
      const router = new Router([{ hosts: ['a'], routes: [to('found', { type: 'regex', value: regex })] }])
      t.equal(router.find('a', path, 0), matches ? 'found' : null)
    },
  )
}

t.test('no path makes a regex slow', async (t) => {
  const router = new Router([
    { hosts: ['a'], routes: [to('found', { type: 'regex', value: '/api/([a-z0-9]+-?)+/x' })] },
  ])
  // By backtracking, it would take longer than the age of the universe.
  t.equal(router.find('a', `/api/${'a'.repeat(50_000)}/y`, 0), null)
  t.equal(router.find('a', `/api/${'a'.repeat(50_000)}/x`, 0), 'found')
})

t.test('the first route that matches is taken, and one without matches takes every path', async (t) => {
  const router = new Router([{ hosts: ['a'], routes: [to('first'), to('second', { type: 'exact', value: '/' })] }])
  t.equal(router.find('a', '/', 0), 'first')
})

t.test('the most specific host decides alone', async (t) => {
  const only = (path: string): VirtualHost['routes'][number] => to(path, { type: 'exact', value: path })
  const router = new Router([
    { hosts: ['*'], routes: [only('/any')] },
    { hosts: ['*.example.com'], routes: [only('/short')] },
    { hosts: ['*.a.example.com'], routes: [only('/long')] },
    { hosts: ['b.a.example.com'], routes: [only('/name')] },
  ])
  t.equal(router.find('b.a.example.com', '/name', 0), '/name')
  t.equal(router.find('b.a.example.com', '/long', 0), null)
  t.equal(router.find('c.a.example.com', '/long', 0), '/long')
  t.equal(router.find('c.example.com', '/short', 0), '/short')
  t.equal(router.find('example.com', '/short', 0), null, 'the suffix itself is not under it')
  t.equal(router.find('other', '/any', 0), '/any')
  t.equal(new Router([]).find('other', '/any', 0), null)
})

t.test('weights decide how requests are shared', async (t) => {
  const targets = [
    { service: 'never', weight: 0 },
    { service: 'a', weight: 90 },
    { service: 'b', weight: 10 },
  ]
  const router = new Router([{ hosts: ['x'], routes: [{ matches: [], targets }] }])
  const shares = Array.from({ length: 100 }, (_, i) => router.find('x', '/', i / 100))
  t.equal(shares.filter((service) => service === 'a').length, 90)
  t.equal(shares.filter((service) => service === 'b').length, 10)
})

const paths: [written: string, normal: string][] = [
  ['/status/200', '/status/200'],
  ['/status/../headers', '/headers'],
  ['/status/%2e%2E/headers', '/headers'],
  ['/status/.%2e/headers', '/headers'],
  ['/status\\..\\headers', '/headers'],
  ['/%73tatus/200', '/status/200'],
  ['/../../status', '/status'],
  ['/a/./b/.', '/a/b/'],
  ['/a/b/..', '/a/'],
  ['/', '/'],
  ['//status//x', '//status//x'],
  ['/status/..%2fheaders', '/status/..%2fheaders'],
  ['/a%5Cb', '/a%5Cb'],
  ['/100%', '/100%'],
  ['/%E2%82%AC', '/%E2%82%AC'],
]

for (const [written, normal] of paths) {
  t.test(`${written} is matched and forwarded as ${normal}`, async (t) => {
    t.equal(normalisePath(written), normal)
    t.equal(normalisePath(normal), normal, 'which is normal')
  })
}

t.test('the query is forwarded as it is', async (t) => {
  t.strictSame(readTarget('/a/../b?c=/../d', ['Host', 'X:80']), {
    host: 'x',
    authority: 'X:80',
    path: '/b',
    url: '/b?c=/../d',
  })
})

t.test('the host is without port and case, and comes from an absolute target first', async (t) => {
  const host = (target: string, value: string): string => readTarget(target, ['hOsT', value]).host
  t.equal(host('/', 'HTTPBIN.example.com'), 'httpbin.example.com')
  t.equal(host('/', 'httpbin.example.com:8080'), 'httpbin.example.com')
  t.equal(host('/', '[::1]:8080'), '[::1]')
  t.equal(host('http://Other:1/x', 'httpbin.example.com'), 'other')
  t.equal(readTarget('http://other', ['Host', 'x']).url, '/')
  t.equal(readTarget('http://other?a', ['Host', 'x']).url, '/?a')
  t.equal(readTarget('http://other\\a', ['Host', 'x']).url, '/a')
  t.equal(readTarget('/', []).host, '')
})

const bad: [why: string, target: string, headers: string[], message: string][] = [
  ['two Hosts', '/', ['Host', 'a', 'host', 'a'], 'more than one Host'],
  ['a fragment', '/a#b', ['Host', 'a'], 'a fragment in the path'],
  ['a null character', '/a%00', ['Host', 'a'], 'a null character in the path'],
  ['a user', 'http://user@a/', ['Host', 'a'], 'a Host that is none'],
  ['no path', 'status', ['Host', 'a'], 'a path that does not start with /'],
  ['an asterisk', '*', ['Host', 'a'], 'a path that does not start with /'],
  ['two hosts in one', '/', ['Host', 'a, b'], 'a Host that is none'],
]

for (const [why, target, headers, message] of bad) {
  t.test(`a request with ${why} is refused`, async (t) => {
    t.throws(() => readTarget(target, headers), { message })
  })
}
