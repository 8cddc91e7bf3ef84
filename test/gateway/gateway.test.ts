import { execFile } from 'node:child_process'
import { once } from 'node:events'
import http, { type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import { WebSocket, WebSocketServer } from 'ws'
import { source } from '../programs.ts'
import { buildSim, simLibrary } from '../sim/library.ts'
import { Program, withoutFilter } from './program.ts'
import { deferred, listening, raw } from './servers.ts'

/** The gateway as a user runs it, in both ways: with the seed's EnvoyFilter, and without it. */

const run = promisify(execFile)
const withDevice = { name: 'with DLB balancing', args: [] }
/** The nop way has no device: the choice of one makes no difference. */
const ways =
  process.env.NODE_DLB_DEVICE === 'dlb' ? [withDevice] : [withDevice, { name: 'the nop way', args: withoutFilter }]

/** Ends the thread that gets a request for /die. */
const dies = `data:text/javascript,${encodeURIComponent(`
  import { subscribe } from 'node:diagnostics_channel'
  subscribe('http.server.request.start', ({ request }) => request.url === '/die' && process.exit(7))`)}`

t.jobs = 2

interface InFlight {
  readonly program: Program
  /** The request's answer, at the backend. */
  readonly arrived: ServerResponse
  /** What its client gets. */
  readonly status: Promise<number | 'cut'>
}

/** A gateway with a request that has reached its backend and is not answered. */
async function inFlight(t: Test, args: readonly string[]): Promise<InFlight> {
  const arrived = deferred<ServerResponse>()
  const port = await listening(
    t,
    http.createServer((_, res) => arrived.resolve(res)),
  )
  const program = new Program(t, [...args, '--backend', `httpbin:8000=127.0.0.1:${port}`])
  await program.port()
  const status = program.get('/status/200').catch((): 'cut' => 'cut')
  return { program, arrived: await arrived.promise, status }
}

t.test('with nobody left who reads what it prints, it goes on, and drains', async (t) => {
  const program = new Program(t, withoutFilter)
  await program.port()
  const { child } = program
  child.stdout.destroy()
  child.stderr.destroy()
  const exited = new Promise((resolve) => child.once('exit', (...end) => resolve(end)))
  child.kill('SIGTERM')
  t.strictSame(await exited, [0, null])
})

t.test("started as npm start does, the seed's step 6 works as printed", async (t) => {
  const program = new Program(t, [], { script: source('scripts/start.mjs') })
  const port = await program.port()
  const { stdout } = program
  t.match(stdout, /device {5}(software|dlb 0) \(.+\)\n/)
  t.match(stdout, /policy {5}unordered\n/)
  t.match(stdout, /workers {4}4 threads \(the IstioOperator's concurrency\)\n/)
  t.match(stdout, /balancing {2}DLB \(EnvoyFilter istio-system\/dlb\)\n/)
  t.match(stdout, /route {6}httpbin\.example\.com {2}\/status\* \/delay\* -> httpbin:8000\n/)
  const commands = [...stdout.matchAll(/^ {2}(curl .*?) +# (\S+?)[:\n].*$/gm)]
  t.match(
    commands.map(([, command, expected]) => [command, expected]),
    [
      [`curl -s -I -HHost:httpbin.example.com "http://127.0.0.1:${port}/status/200"`, 'httpbin'],
      [`curl -s -I -HHost:httpbin.example.com "http://127.0.0.1:${port}/headers"`, '404'],
      [`curl -s -I "http://127.0.0.1:${port}/status/200"`, '404'],
    ],
  )
  const [found, path, host] = await Promise.all(commands.map(([, command]) => run('sh', ['-c', command])))
  t.match(found.stdout, /^HTTP\/1\.1 200 OK\r\n/)
  t.match(found.stdout, /^server: node-dlb\r$/m)
  t.match(path.stdout, /^HTTP\/1\.1 404 Not Found\r\n/)
  t.match(host.stdout, /^HTTP\/1\.1 404 Not Found\r\n/)
  program.child.kill('SIGINT')
  t.match(await program.outcome, { code: 0, signal: null, stdout: /all connections finished\n$/ })
})

t.test(
  "the EnvoyFilter names no device: of a machine without device 0, another is used, with the seed's warning",
  async (t) => {
    await buildSim()
    const folder = t.testdir({})
    const env = {
      NODE_DLB_LIBRARY: simLibrary,
      DLB_SIM: 'devices=3',
      DLB_SIM_SHM_DIR: folder,
      DLB_SIM_SOCKET_DIR: folder,
    }
    const program = new Program(t, ['--workers', '2'], { env })
    t.equal(await program.get('/status/200'), 200)
    t.match(program.stdout, /device {5}dlb 3 \(dlb device 0 is not found, use dlb device 3 instead\)\n/)
    program.child.kill('SIGINT')
    t.match(await program.outcome, { code: 0 })
  },
)

t.test('--debug shows the four kinds of DLB line', async (t) => {
  const program = new Program(t, ['--debug'])
  t.equal(await program.get('/status/200'), 200)
  await program.untilStdout(/dlb receive none, skip/)
  program.child.kill('SIGINT')
  const { stdout } = await program.outcome
  const lines = [...stdout.matchAll(/^\d{4}-\d\d-\d\dT[\d:.]+Z debug (worker_.*)$/gm)].map(([, line]) => line)
  const [, fd] = /^worker_5 dlb send fd (\d+)$/.exec(lines[0]) ?? []
  // A worker that is slow on a loaded machine may be too late for it: then it is sent to another
  // one, too.
  const [worker] = lines.flatMap((line) => /^(worker_[0-3]) dlb recv /.exec(line)?.[1] ?? [])
  t.strictSame(
    lines.filter((line) => line.startsWith(worker)),
    [`${worker} get dlb event 1`, `${worker} dlb recv ${fd}`, `${worker} dlb receive none, skip`],
  )
})

t.test("all workers get connections, and the live line tells each one's", async (t) => {
  const program = new Program(t, ['--workers', '3'])
  await program.port()
  const agents = Array.from({ length: 12 }, () => new Agent({ connections: 1 }))
  const url = `http://127.0.0.1:${await program.port()}/status/200`
  for (const dispatcher of agents) {
    await (await request(url, { dispatcher, headers: { host: 'httpbin.example.com' } })).body.dump()
  }
  const [, workers] = await program.untilStdout(/^open connections {2}(.*?) {2}\| \d+ open, \d+ so far$/m)
  t.match(workers, /^worker_0 \d+ {2}worker_1 \d+ {2}worker_2 \d+$/)
  await Promise.all(agents.map((agent) => agent.close()))
  program.child.kill('SIGTERM')
  t.match(await program.outcome, { code: 0 })
})

for (const { name, args } of ways) {
  t.test(`${name}: hosts and paths that no route has are 404, however they are written`, async (t) => {
    const program = new Program(t, args)
    t.equal(await program.get('/status/200'), 200)
    t.equal(await program.get('/status/200', 'HTTPBIN.example.com:80'), 200)
    t.equal(await program.get('/delay/0'), 200)
    t.equal(await program.get('/headers'), 404)
    t.equal(await program.get('/'), 404)
    t.equal(await program.get('/status/200', 'example.com'), 404)
    const port = await program.port()
    const asIs = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '--path-as-is', '-HHost:httpbin.example.com']
    for (const written of ['/status/../headers', '/status/%2e%2e/headers', '/status/..\\headers']) {
      t.equal((await run('curl', [...asIs, `http://127.0.0.1:${port}${written}`])).stdout, '404', written)
    }
    program.child.kill('SIGINT')
    t.match(await program.outcome, { code: 0, stderr: '' })
  })

  t.test(`${name}: WebSockets go through, and who offers h2c is served without`, async (t) => {
    const backend = http.createServer((req, res) => res.end(`${req.url} ${req.headers.upgrade}`))
    const sockets = new WebSocketServer({ server: backend })
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`heard ${data}`)))
    const address = `127.0.0.1:${await listening(t, backend)}`
    const program = new Program(t, [...args, '--workers', '2', '--backend', `httpbin:8000=${address}`])
    const port = await program.port()
    const headers = { host: 'httpbin.example.com' }
    for (let i = 0; i < 4; i++) {
      const client = new WebSocket(`ws://127.0.0.1:${port}/status/${i}`, { headers })
      await once(client, 'open')
      client.send(i)
      t.equal(String((await once(client, 'message'))[0]), `heard ${i}`)
      client.close()
      await once(client, 'close')
    }
    const offer = ['Host: httpbin.example.com', 'Connection: Upgrade, close', 'Upgrade: h2c', '\r\n'].join('\r\n')
    t.equal((await raw(port, `GET /status/x HTTP/1.1\r\n${offer}`)).body, '/status/x undefined')
    program.child.kill('SIGINT')
    t.match(await program.outcome, { code: 0, stderr: '' })
  })

  t.test(`${name}: Ctrl-C lets requests finish`, async (t) => {
    const { program, arrived, status } = await inFlight(t, args)
    program.child.kill('SIGINT')
    await program.untilStdout(/SIGINT: no new connections; open ones have 10 s/)
    arrived.end()
    t.equal(await status, 200)
    t.match(await program.outcome, { code: 0, stdout: /all connections finished\n$/ })
  })

  t.test(`${name}: what is open at the deadline is cut, and told`, async (t) => {
    const { program, status } = await inFlight(t, [...args, '--drain-timeout', '100ms'])
    program.child.kill('SIGTERM')
    t.match(await program.outcome, { code: 1, stdout: /\n1 connection was cut\n$/ })
    t.equal(await status, 'cut')
  })

  t.test(`${name}: a second Ctrl-C cuts, a moment after the first`, async (t) => {
    const { program, status } = await inFlight(t, [...args, '--drain-timeout', '10m'])
    program.child.kill('SIGINT')
    await program.untilStdout(/no new connections/)
    const again = setInterval(() => program.child.kill('SIGINT'), 100)
    t.teardown(() => clearInterval(again))
    // From here on the program ends, and a signal would end it sooner, without its exit code.
    await program.untilStdout(/SIGINT again: open connections are cut\n/)
    clearInterval(again)
    t.match(await program.outcome, { code: 130, stdout: /\n1 connection was cut\n$/ })
    t.equal(await status, 'cut')
  })

  t.test(`${name}: SIGINT and SIGTERM at the same time, as under npm, cut nothing`, async (t) => {
    const { program, arrived, status } = await inFlight(t, args)
    const { pid } = program.child
    // By one program: so not even a busy machine puts time between them.
    await run('/bin/sh', ['-c', `kill -INT ${pid}; kill -TERM ${pid}; kill -INT ${pid}`])
    await program.untilStdout(/no new connections; open ones have 10 s/)
    arrived.end()
    t.equal(await status, 200)
    t.match(await program.outcome, { code: 0, stdout: /all connections finished\n$/ })
  })

  t.test(`${name}: a busy port is told with what to do`, async (t) => {
    const port = await listening(t, http.createServer())
    // Some at once: how a start ends depends on the order in which the workers fail.
    const programs = Array.from({ length: 4 }, () => new Program(t, [...args, '--port', String(port)]))
    const what = 'end it, or choose another port with --port'
    for (const { outcome } of programs) {
      t.strictSame(await outcome, {
        code: 1,
        signal: null,
        stdout: '',
        stderr: `cannot listen on 127.0.0.1:${port}: something listens there already (EADDRINUSE); ${what}\n`,
      })
    }
  })

  t.test(`${name}: a worker that dies is replaced, and the others serve meanwhile`, async (t) => {
    const program = new Program(t, [...args, '--workers', '2'], { nodeOptions: ['--import', dies] })
    await t.rejects(program.get('/die'))
    await program.untilStdout(/worker_[01] died with code 7; its successor starts in 100 ms\n/)
    t.equal(await program.get('/status/200'), 200)
    program.child.kill('SIGINT')
    t.match(await program.outcome, { code: 0 })
  })

  t.test(`${name}: a dead backend is 503, a slow one 504`, async (t) => {
    const slow = http.createServer(() => undefined)
    const address = `127.0.0.1:${await listening(t, slow)}`
    const program = new Program(t, [...args, '--backend', `httpbin:8000=${address}`, '--backend-timeout', '200ms'])
    t.match((await program.untilStdout(/backend {4}.*/))[0], `httpbin:8000 is http://${address}`)
    t.equal(await program.get('/status/200'), 504)
    slow.closeAllConnections()
    slow.close()
    t.equal(await program.get('/status/200'), 503)
    program.child.kill('SIGINT')
    t.match(await program.outcome, { code: 0 })
  })
}

t.test('without the EnvoyFilter, the summary says what there is instead, and why', async (t) => {
  const program = new Program(t, [...withoutFilter, '--workers', '2', '--debug'])
  await program.port()
  t.equal(await program.get('/status/200'), 200)
  await program.untilStdout(/debug worker_[01] accept \d+\n/)
  t.match(program.stdout, /balancing {2}nop \(no EnvoyFilter turns DLB connection balancing on\)\n/)
  t.match(program.stdout, /device {5}none: each worker accepts for itself \(the policy is nop\)\n/)
  t.match(program.stdout, /policy {5}nop\n/)
  t.match(program.stdout, /workers {4}2 threads \(--workers\)\n/)
  program.child.kill('SIGINT')
  t.match(await program.outcome, { code: 0 })
})
