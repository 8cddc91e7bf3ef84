import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { source } from '../programs.ts'
import { Program, withoutFilter } from './program.ts'

/** What the gateway says of wrong arguments and documents, before it serves anything. */

t.jobs = 2

t.test('documents with problems are told, all of them, with exit code 2', async (t) => {
  const folder = t.testdir({
    'a.yaml': 'kind: Gateway\nspec: {}\n---\nkind: Ingress\n',
    'b.yml': 'kind: Service\nfoo: 1\n',
    'c.txt': 'not read',
  })
  const { code, stdout, stderr } = await new Program(t, ['--config', folder]).outcome
  t.equal(code, 2)
  t.equal(stdout, '')
  t.match(stderr, /^\d+ problems in the configuration:\n/)
  t.match(stderr, `${path.join(folder, 'a.yaml')}:2, document 1, spec: servers is missing\n`)
  t.match(stderr, `${path.join(folder, 'a.yaml')}:4, document 2, kind: Istio knows the kind Ingress`)
  t.match(stderr, `${path.join(folder, 'b.yml')}:2, document 1, foo: unknown field`)
})

const misuse: [args: string[], stderr: RegExp][] = [
  [['--port', '99999'], /Give a port from 0 to 65535/],
  [['--foo'], /unknown option '--foo'/],
  [['--backend', 'x'], /such as shop:80=127\.0\.0\.1:3000/],
  [['--backend', 'shop:80=127.0.0.1:1'], /no route leads to shop:80 of --backend; routes lead to httpbin:8000/],
  [['--workers', 'many'], /Give a whole number/],
  [['--host', ''], /such as 0\.0\.0\.0 for all/],
  [['more'], /too many arguments/],
  [['--config', '/nowhere.yaml'], /there is no such file or folder/],
  [['--backend', 'httpbin:8000=127.0.0.1:1', '--backend', 'httpbin:8000=127.0.0.1:2'], /httpbin:8000 is given twice/],
  [['--workers', '64'], /workers must be a whole number from 1 to 63, not 64/],
  [['--drain-timeout', '5'], /such as 500ms, 10s or 2m/],
]

for (const [args, message] of misuse) {
  t.test(`${args.join(' ')} is wrong usage`, async (t) => {
    t.match(await new Program(t, args).outcome, { code: 2, stdout: '', stderr: message })
  })
}

t.test('a service that nothing here is asks for --backend', async (t) => {
  const service = readFileSync(source('examples/ingress-gateway/config/httpbin.yaml'), 'utf8')
  const folder = t.testdir({ 'httpbin.yaml': service.replace('app: httpbin', 'app: shop') })
  const files = withoutFilter.filter((name) => !name.endsWith('httpbin.yaml'))
  const { code, stderr } = await new Program(t, [...files, path.join(folder, 'httpbin.yaml')]).outcome
  t.equal(code, 2)
  t.equal(stderr, 'nothing here is app=shop: say where httpbin:8000 is, --backend httpbin:8000=host:port\n')
})

t.test('a host that is not of this machine is told, and more workers than there can be', async (t) => {
  const elsewhere = await new Program(t, ['--host', '192.0.2.1']).outcome
  t.match(elsewhere, { code: 1, stderr: /the host is no address of this machine; choose one with --host/ })
  const many = await new Program(t, ['--workers', '64']).outcome
  t.match(many, { code: 2, stderr: /workers must be a whole number from 1 to 63, not 64/ })
})

t.test('--help', async (t) => {
  t.match(await new Program(t, ['--help']).outcome, { code: 0, stdout: /Usage: npm start --/, stderr: '' })
})
