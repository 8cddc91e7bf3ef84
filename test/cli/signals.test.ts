import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import t from 'tap'
import { SAME_SIGNAL_MS, Signals } from '../../lib/cli/signals.ts'
import { get } from '../clients.ts'
import { Command, fixture } from './command.ts'

t.jobs = 2

const handled: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGCONT',
  'SIGPIPE',
  'SIGALRM',
  'SIGQUIT',
]

t.test('each signal reaches the handlers that the app has for it, in every worker, and ends nothing', async (t) => {
  const command = new Command(t, [fixture('signals.cjs'), '-w', '2', '--', ...handled])
  const port = await command.port()
  for (const signal of handled) {
    command.child.kill(signal)
    await command.untilStdout(new RegExp(`^\\d+ ${signal} true\\n(?:.*\\n)*\\d+ ${signal} true$`, 'm'))
  }
  t.equal((await get(port)).body, '/')
  command.child.kill('SIGTERM')
  const { code, stdout, stderr } = await command.outcome
  t.equal(code, 0)
  t.equal(stdout.trim().split('\n').length, 2 * handled.length, 'once in each worker')
  t.notMatch(stderr, /SIGHUP|SIGUSR2/, 'what the app handles is left to it')
})

t.test('SIGUSR2 ends nothing where nobody handles it, and says what it is for', async (t) => {
  const command = new Command(t, [fixture('server.mjs'), '-w', '1'])
  const port = await command.port()
  command.child.kill('SIGUSR2')
  await command.untilStderr(/SIGUSR2: with the option --stats <file>, this writes the figures\n/)
  t.match((await get(port)).body, /server\.mjs/)
  command.child.kill('SIGTERM')
  t.match(await command.outcome, { code: 0 })
})

t.test("SIGUSR2 writes the figures, and is the app's, too", async (t) => {
  const command = new Command(t, [fixture('signals.cjs'), '-w', '1', '--stats', '-', '--', 'SIGUSR2'])
  await command.port()
  command.child.kill('SIGUSR2')
  await command.untilStderr(/"adopted": 0/)
  await command.untilStdout(/SIGUSR2 true/)
  command.child.kill('SIGTERM')
  t.match(await command.outcome, { code: 0 })
})

t.test(
  'a handler that comes later is there before the next line, and one that is gone leaves the default',
  async (t) => {
    const command = new Command(t, [fixture('signals.cjs'), '-w', '1', '--', 'SIGQUIT'])
    const port = await command.port()
    t.equal((await get(port, '/new')).body, '/new', 'the app has sent itself SIGALRM right after process.on')
    await command.untilStdout(/^SIGALRM$/m)
    command.child.kill('SIGQUIT')
    await command.untilStdout(/SIGQUIT true/)
    await get(port, '/off')
    // The worker has told main before it answered, by another way: so it may come to be known a
    // little later.
    const again = setInterval(() => command.child.kill('SIGQUIT'), 100)
    t.teardown(() => clearInterval(again))
    t.match(await command.outcome, { signal: 'SIGQUIT' })
  },
)

t.test('a signal that comes while the worker that handles it is down does not kill the process', async (t) => {
  const command = new Command(t, [fixture('signals.cjs'), '-w', '1', '--', 'SIGALRM'])
  const port = await command.port()
  await get(port, '/die').catch(() => undefined)
  await command.untilStderr(/worker_0 died/)
  command.child.kill('SIGALRM')
  t.equal((await get(port)).body, '/', 'the successor serves')
  command.child.kill('SIGTERM')
  t.match(await command.outcome, { code: 0 })
})

t.test('a handler that only cleans up and sends the signal again leaves it to the command', async (t) => {
  const command = new Command(t, [
    fixture('signals.cjs'),
    '-w',
    '2',
    '--',
    'raise:SIGHUP',
    'raise:SIGUSR2',
    'raise:SIGQUIT',
  ])
  await command.port()
  command.child.kill('SIGUSR2')
  await command.untilStdout(/SIGUSR2 true[\s\S]*SIGUSR2 true/)
  command.child.kill('SIGHUP')
  await command.untilStderr(/reloaded: 2 workers replaced/)
  t.equal(command.stderr.match(/SIGHUP: replaces/g)?.length, 1, 'once, and not for each worker')
  command.child.kill('SIGQUIT')
  t.match(await command.outcome, { signal: 'SIGQUIT' })
})

t.test('an app that ends itself by SIGUSR2, in the way that nodemon asks for, ends and stays away', async (t) => {
  const code = `
    const server = require('node:http').createServer().listen(0, '127.0.0.1')
    process.once('SIGUSR2', () => server.close(() => process.kill(process.pid, 'SIGUSR2')))`
  const folder = t.testdir({ 'app.cjs': code })
  const command = new Command(t, [`${folder}/app.cjs`, '-w', '2'])
  await command.port()
  command.child.kill('SIGUSR2')
  const { code: exitCode, stderr } = await command.outcome
  t.equal(exitCode, 0)
  t.notMatch(stderr, /died|SIGUSR2/)
})

t.test('SIGTERM and SIGINT at the same time, as npm and process groups get them, cut nothing', async (t) => {
  const command = new Command(t, [fixture('server.mjs'), '-w', '2'])
  const port = await command.port()
  const slow = get(port, '/slow')
  await get(port)
  // By one program: so not even a busy machine puts time between them.
  spawn('/bin/sh', [
    '-c',
    `kill -TERM ${command.child.pid}; kill -INT ${command.child.pid}; kill -TERM ${command.child.pid}`,
  ])
  t.match(await slow, { body: 'slow' })
  t.match(await command.outcome, { code: 0, stderr: /all connections finished/ })
})

t.test('signals that come until the process has ended change nothing of its exit code', async (t) => {
  const command = new Command(t, [fixture('server.mjs'), '-w', '1'])
  await command.port()
  command.child.kill('SIGTERM')
  const again = setInterval(() => command.child.kill('SIGTERM'), 1)
  t.teardown(() => clearInterval(again))
  t.match(await command.outcome, { code: 0, signal: null, stderr: /all connections finished/ })
})

t.test('another signal to end counts as the second one only after a moment', async (t) => {
  let now = 1000
  const calls: string[] = []
  const record = (name: string) => () => void calls.push(name)
  const actions = { drain: record('drain'), cut: record('cut'), reload: record('reload'), stats: record('stats') }
  const signals = new Signals({ ...actions, pass: () => false }, () => now)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) {
    const listener = process.listeners(signal).at(-1) as NodeJS.SignalsListener
    t.teardown(() => void process.off(signal, listener))
  }
  const send = (signal: NodeJS.Signals): boolean => process.emit(signal, signal)
  send('SIGTERM')
  send('SIGTERM')
  now += SAME_SIGNAL_MS - 1
  send('SIGINT')
  t.strictSame(calls, ['drain'])
  t.equal(signals.exitCode, null)
  now++
  send('SIGINT')
  t.strictSame(calls, ['drain', 'cut'])
  t.equal(signals.exitCode, 128 + os.constants.signals.SIGINT)
})

t.test('SIGHUP before all workers listen replaces them afterwards, and during the drain none', async (t) => {
  const gate = t.testdir({ 'app.cjs': '' })
  const code = `
    const { existsSync, watch } = require('node:fs')
    const start = () => require('node:http').createServer((_, r) => r.end('ok')).listen(0, '127.0.0.1')
    if (existsSync(${JSON.stringify(`${gate}/open`)})) start()
    else {
      const watcher = watch(${JSON.stringify(gate)}, () => { watcher.close(); start() })
      console.log('up')
    }`
  fs.writeFileSync(`${gate}/app.cjs`, code)
  const command = new Command(t, [`${gate}/app.cjs`, '-w', '2'])
  await command.untilStdout(/up\n[\s\S]*up\n/)
  command.child.kill('SIGHUP')
  await command.untilStderr(/SIGHUP: replaces the workers one after the other, once all listen\n/)
  fs.writeFileSync(`${gate}/open`, '')
  const port = await command.port()
  t.match(command.stderr, /node-dlb: 2 workers on the software device/)
  await command.untilStderr(/reloaded: 2 workers replaced\n/)
  const socket = net.connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => undefined)
  // A request that is in flight holds the drain up.
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1')
  await get(port)
  command.child.kill('SIGTERM')
  await command.untilStderr(/SIGTERM: no new connections/)
  command.child.kill('SIGHUP')
  await command.untilStderr(/SIGHUP: replaces nothing, since the workers are ending\n/)
  socket.destroy()
  t.match(await command.outcome, { code: 0 })
})
