import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import t from 'tap'
import type { BalancerStats } from '../../lib/index.ts'
import { get } from '../clients.ts'
import { until } from '../deadline.ts'
import { runCli } from '../programs.ts'
import { Command, fixture } from './command.ts'

t.jobs = 2

const runsTypeScript = Boolean((process.features as { typescript?: unknown }).typescript)
const entries = ['server.mjs', 'server.cjs', ...(runsTypeScript ? ['server.ts'] : [])]

for (const name of entries) {
  t.test(`${name} is served, and its argv is as under plain Node`, async (t) => {
    const command = new Command(t, [path.relative(process.cwd(), fixture(name)), '-w', '2', '--', '--port', '80', 'x'])
    const port = await command.port()
    t.strictSame(JSON.parse((await get(port)).body), [fixture(name), '--port', '80', 'x'])
    command.child.kill('SIGINT')
    t.match(await command.outcome, { code: 0, stdout: '' })
  })
}

t.test('the summary names device and reason, workers, policy and addresses', async (t) => {
  const command = new Command(t, [
    fixture('server.mjs'),
    '--workers',
    '3',
    '--policy',
    'round-robin',
    '--device',
    'software',
  ])
  await command.port()
  t.match(
    command.stderr,
    /^node-dlb: 3 workers on the software device \(asked for\), policy round-robin, listening on 127/,
  )
  command.child.kill('SIGTERM')
  const { stderr } = await command.outcome
  t.match(stderr, /SIGTERM: no new connections; open ones have 10 s to finish/)
  t.match(stderr, /all connections finished\n$/)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`${signal} lets requests in flight finish`, async (t) => {
    const command = new Command(t, [fixture('server.mjs'), '-w', '2'])
    const port = await command.port()
    const socket = net.connect(port, '127.0.0.1').setEncoding('utf8')
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    // The second request's answer waits for the first's: once it is sent, the first is in flight
    // for sure.
    await get(port)
    command.child.kill(signal)
    let answer = ''
    for await (const chunk of socket) answer += chunk
    t.match(answer, /slow/)
    t.match(await command.outcome, { code: 0 })
  })
}

t.test('SIGHUP replaces the workers; a file that is broken by then does not', async (t) => {
  const server = (body: string): string =>
    `require('node:http').createServer((_, response) => response.end('${body}')).listen(0, '127.0.0.1')`
  const file = path.join(t.testdir({ 'app.cjs': server('old') }), 'app.cjs')
  const command = new Command(t, [file, '-w', '2'])
  const port = await command.port()
  t.equal((await get(port)).body, 'old')
  fs.writeFileSync(file, 'throw new Error("broken")')
  command.child.kill('SIGHUP')
  await command.untilStderr(
    /Error: broken\n[\s\S]*the reload failed, and workers that were not replaced go on: .*app\.cjs failed/,
  )
  t.equal((await get(port)).body, 'old')
  fs.writeFileSync(file, server('new'))
  command.child.kill('SIGHUP')
  await command.untilStderr(/worker_2 listens, worker_0 has ended\n[\s\S]*reloaded: 2 workers replaced\n/)
  for (let i = 0; i < 4; i++) t.equal((await get(port)).body, 'new')
  command.child.kill('SIGTERM')
  t.match(await command.outcome, { code: 0 })
})

t.test('a signal before the server listens ends the start', async (t) => {
  const code = `console.log('up'); setInterval(() => undefined, 1000)`
  const command = new Command(t, [path.join(t.testdir({ 'app.cjs': code }), 'app.cjs'), '-w', '2'])
  await once(command.child.stdout, 'data')
  command.child.kill('SIGINT')
  t.match(await command.outcome, { code: 130 })
})

t.test('at the deadline connections are cut, told and counted', async (t) => {
  const command = new Command(t, [fixture('server.mjs'), '-w', '2', '--drain-timeout', '100ms', '--stats', '-'])
  const port = await command.port()
  const hanging = get(port, '/hang').catch(({ code }) => code)
  await get(port)
  command.child.kill('SIGTERM')
  const { code, stderr } = await command.outcome
  t.equal(code, 1)
  t.match(stderr, /worker_[01]: 1 connection open at the deadline, cut now\n/)
  t.match(stderr, /1 connection was cut/)
  t.match(JSON.parse(stderr.slice(stderr.indexOf('{'))), { connections: { accepted: 2, active: 0, closed: 2, cut: 1 } })
  t.equal(await hanging, 'ECONNRESET')
})

t.test('a second Ctrl-C cuts, a moment after the first', async (t) => {
  const command = new Command(t, [fixture('server.mjs'), '-w', '2', '--drain-timeout', '10m'])
  const port = await command.port()
  const hanging = get(port, '/hang').catch(({ code }) => code)
  await get(port)
  command.child.kill('SIGINT')
  await command.untilStderr(/no new connections/)
  // At first it is the same one still; so it is sent until it counts.
  const again = setInterval(() => command.child.kill('SIGINT'), 100)
  t.teardown(() => clearInterval(again))
  // The server may not have seen yet that the other has closed.
  t.match(await command.outcome, { code: 130, stderr: /connections? (was|were) cut/ })
  t.equal(await hanging, 'ECONNRESET')
})

t.test("an app's own signal handler does the shutting down", async (t) => {
  const command = new Command(t, [fixture('own-handler.cjs'), '-w', '2'])
  await command.port()
  command.child.kill('SIGTERM')
  const { code, stdout } = await command.outcome
  t.equal(code, 0)
  t.strictSame(stdout.trim().split('\n').sort(), ['exit', 'exit', 'handler SIGTERM', 'handler SIGTERM'])
})

t.test('--stats writes the figures on SIGUSR2 and at the end, --listener sets what they show', async (t) => {
  const file = path.join(t.testdir(), 'stats.json')
  // What server.mjs listens on is told by its policy and priority.
  const listeners = ['--listener', '0=exact,3', '--listener', '8080=,2']
  const command = new Command(t, [fixture('server.mjs'), '-w', '2', ...listeners, '--stats', file])
  const port = await command.port()
  const read = (): BalancerStats => JSON.parse(fs.readFileSync(file, 'utf8'))
  await get(port)
  command.child.kill('SIGUSR2')
  await until('the figures are written', () => fs.existsSync(file))
  t.match(read(), { connections: { accepted: 1, adopted: 1 }, listeners: [{ port, policy: 'exact', priority: 3 }] })
  await get(port)
  command.child.kill('SIGINT')
  await command.outcome
  t.match(read(), { connections: { accepted: 2, adopted: 2, closed: 2, active: 0, inFlight: 0 } })
})

t.test("--debug prints Envoy's lines", async (t) => {
  const command = new Command(t, [fixture('server.mjs'), '-w', '2', '--debug'])
  await get(await command.port())
  await command.untilStderr(/dlb receive none, skip/)
  command.child.kill('SIGINT')
  const { stderr } = await command.outcome
  const [, fd, worker] = /^worker_3 dlb send fd (\d+)\nworker_([01]) /m.exec(stderr) ?? []
  const received = [`worker_${worker} get dlb event 1`, `worker_${worker} dlb recv ${fd}`]
  t.match(stderr, [`worker_3 dlb send fd ${fd}`, ...received, `worker_${worker} dlb receive none, skip\n`].join('\n'))
})

t.test('stdin reaches the app, and its end reaches every worker', async (t) => {
  const command = new Command(t, [fixture('stdin.cjs'), '-w', '2'])
  command.child.stdin.end('hello\n')
  const { code, stdout } = await command.outcome
  t.equal(code, 0)
  t.match(stdout, 'read hello\n')
})

const ends = [
  {
    name: 'an entry that does nothing ends with 0, and is told that it never listened',
    code: '',
    exit: 0,
    stderr:
      /^node-dlb: \S+entry\.cjs has ended with exit code 0, and never called listen\(\): there was nothing to serve\n$/,
  },
  {
    name: 'process.exit(3) at start ends with 3, and is told',
    code: 'process.exit(3)',
    exit: 3,
    stderr: /^node-dlb: worker_[012] ended with exit code 3 before it listened: it called process\.exit\(3\), .*\n$/,
  },
  {
    name: 'an exit code that is set is as good',
    code: 'process.exitCode = 7',
    exit: 7,
    stderr: /^node-dlb: worker_[012] ended with exit code 7 before it listened: .* or set process\.exitCode.*\n$/,
  },
  {
    name: 'an error at start is printed once, and ends with 1',
    code: "throw new TypeError('boom')",
    exit: 1,
    stderr: /^TypeError: boom\n {4}at [\s\S]*\n\nNode\.js v[\d.]+\n$/,
  },
  {
    name: 'a rejection at start too',
    code: "Promise.reject(new TypeError('boom'))",
    exit: 1,
    stderr: /^TypeError: boom\n[\s\S]*Node\.js v[\d.]+\n$/,
  },
  {
    name: 'a syntax error too, and a line says which file it is',
    code: 'let let',
    exit: 1,
    // Node's own words, and then the command's.
    stderr:
      /^\S*\.cjs:1\n.*SyntaxError: .*Node\.js v\S+\nnode-dlb: \S*\.cjs, or a file that it loads, cannot be parsed\n$/s,
  },
]

for (const { name, code, exit, stderr } of ends) {
  t.test(name, async (t) => {
    const entry = path.join(t.testdir({ 'entry.cjs': code }), 'entry.cjs')
    const outcome = await runCli(['run', entry, '--workers', '3'])
    t.equal(outcome.code, exit)
    t.match(outcome.stderr, stderr)
    t.equal(outcome.stderr.split('boom').length <= 2, true, 'not twice')
  })
}

const misuse: [args: string[], stderr: RegExp][] = [
  [['run'], /missing required argument 'entry'/],
  [['rum'], /unknown command 'rum'/],
  [['run', 'x.js', '--foo'], /unknown option '--foo'/],
  [['run', 'x.js', '--workers', 'many'], /Give a whole number, such as 4/],
  [['run', 'x.js', '--workers', '100'], /--workers must be a whole number from 1 to 63, not 100/],
  [['run', 'x.js', '--max-connections', '0'], /--max-connections must be a whole number from 1 to/],
  [
    ['run', 'x.js', '--policy', 'fair'],
    /Allowed choices are unordered, least-connections, exact, round-robin, affinity, nop/,
  ],
  [['run', 'x.js', '--listener', '8443=best'], /There is no policy best; there are unordered,/],
  [['run', 'x.js', '--listener', '8443'], /Give an address and a policy/],
  [['run', 'x.js', '--device', 'gpu'], /Allowed choices are auto, software, dlb/],
  [['run', 'x.js', '--drain-timeout', '10'], /such as 500ms, 10s or 2m/],
]

for (const [args, message] of misuse) {
  t.test(`node-dlb ${args.join(' ')} is wrong usage`, async (t) => {
    const { code, stdout, stderr } = await runCli(args)
    t.equal(code, 2)
    t.equal(stdout, '')
    t.match(stderr, message)
  })
}

t.test('a device that is not there', async (t) => {
  const args = ['--device', 'dlb', '--library', '/nowhere/libdlb.so', '--fallback-policy', 'none']
  const { code, stderr } = await runCli(['run', fixture('server.mjs'), ...args])
  t.equal(code, 1)
  t.match(stderr, /^node-dlb: Intel's libdlb cannot be used: .*NODE_DLB_LIBRARY/)
})

t.test('--help and --version', async (t) => {
  t.match(await runCli(['--version']), { code: 0, stdout: /^\d+\.\d+\.\d+/ })
  t.match(await runCli(['--help']), { code: 0, stdout: /Usage: node-dlb/ })
  t.match(await runCli(['run', '--help']), { code: 0, stdout: /--drain-timeout <time>/ })
})
