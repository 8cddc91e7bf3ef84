import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { get } from '../clients.ts'
import { cli, type Outcome, runCli, runNode } from '../programs.ts'
import { Command, fixture } from './command.ts'

/** What the command says to those who have used it wrongly, or wait for something. */

t.jobs = 2

const LISTEN = `require('node:http').createServer((_, r) => r.end('ok')).listen(0, '127.0.0.1')`

function file(t: Test, name: string, code: string): string {
  return path.join(t.testdir({ [name]: code }), name)
}

/** Nothing of it is a stack. */
function isOneLine(t: Test, { stderr }: Outcome, line: RegExp): void {
  t.match(stderr, line)
  t.equal(stderr.trim().split('\n').length, 1, stderr)
}

t.test('what cannot be run is named, without a stack', async (t) => {
  const outcome = await runCli(['run', '/nonexistent.js'])
  isOneLine(t, outcome, /^node-dlb: there is no file \/nonexistent\.js\n$/)
  t.equal(outcome.code, 2)
})

t.test('so is a file that has another extension', async (t) => {
  const name = file(t, 'app.mjs', '')
  isOneLine(
    t,
    await runCli(['run', name.replace('.mjs', '.js')]),
    /there is no file .*app\.js, but there is app\.mjs\n$/,
  )
})

t.test('so is a folder; one with an index.js is run', async (t) => {
  const folder = path.dirname(file(t, 'app.cjs', ''))
  const outcome = await runCli(['run', folder])
  isOneLine(
    t,
    outcome,
    /^node-dlb: .* is a folder without index\.js, or "main" in a package\.json: name the server's file\n$/,
  )
  t.equal(outcome.code, 2)
  fs.writeFileSync(path.join(folder, 'index.js'), 'process.exit(3)')
  t.match(await runCli(['run', folder]), { code: 3 })
})

t.test("a module that the app does not find is the app's error, and told as by Node", async (t) => {
  const { code, stderr } = await runCli(['run', file(t, 'app.cjs', `require('./nowhere.cjs')`)])
  t.equal(code, 1)
  t.match(stderr, /^Error: Cannot find module '\.\/nowhere\.cjs'\nRequire stack:\n- .*app\.cjs/)
})

t.test('an error in a handler of the exit is told, as by Node', async (t) => {
  const code = `process.on('exit', () => { throw new Error('at the exit') })`
  t.match(await runCli(['run', file(t, 'app.cjs', code), '-w', '1']), { code: 0, stderr: /^Error: at the exit\n/ })
})

t.test('and the worker that it throws in ends, with the code that process.exit was given', async (t) => {
  const code = `${LISTEN}
    process.on('exit', () => { throw new Error('at the exit') })
    process.on('SIGTERM', () => process.exit(3))`
  const command = new Command(t, [file(t, 'app.cjs', code), '-w', '1', '--drain-timeout', '10m'])
  await command.port()
  command.child.kill('SIGTERM')
  t.match(await command.outcome, { code: 3, stderr: /^Error: at the exit\n/m })
})

t.test('a code that Node does not take is an error of the call', async (t) => {
  const code = `try { process.exit('x') } catch ({ code }) { console.log(code) }`
  t.match(await runCli(['run', file(t, 'app.cjs', code), '-w', '1']), { code: 0, stdout: 'ERR_INVALID_ARG_TYPE\n' })
})

t.test('an error in a handler of uncaught errors is told, and not the one that it handles', async (t) => {
  const code = `process.on('uncaughtException', () => { throw new Error('the second') }); throw new Error('the first')`
  const { stderr } = await runCli(['run', file(t, 'app.cjs', code), '-w', '1'])
  t.match(stderr, /^Error: the second\n/)
  t.notMatch(stderr, /the first/)
})

t.test("the app's stack has no frame of ours", async (t) => {
  const { stderr } = await runCli(['run', file(t, 'app.cjs', `throw new Error('boom')`)])
  t.match(stderr, /^Error: boom\n {4}at .*app\.cjs:1:7/)
  t.notMatch(stderr, /bootstrap\.cjs|dist\/lib/)
})

t.test('TypeScript on a Node that does not run it', async (t) => {
  const runsIt = Boolean((process.features as { typescript?: unknown }).typescript)
  const outcome = await runCli(['run', file(t, 'app.ts', 'const port: number = 0')])
  if (runsIt) t.equal(outcome.code, 0)
  else
    isOneLine(t, outcome, /^node-dlb: .*app\.ts is TypeScript, which Node v[\d.]+ does not run by itself: compile it/)
})

t.test('a .js file with import, in a project as npm init -y makes it: what to call it is told', async (t) => {
  const folder = t.testdir({ 'package.json': '{ "type": "commonjs" }', 'app.js': "import 'node:http'\n" })
  const { code, stderr } = await runCli(['run', `${folder}/app.js`])
  t.equal(code, 1)
  t.match(stderr, /SyntaxError: Cannot use import statement/)
  t.match(
    stderr,
    /\nnode-dlb: .*app\.js is an ES module: call it app\.mjs, or write "type": "module" into its package\.json\n$/,
  )
})

t.test('an ES module with a syntax error: where to look is told', async (t) => {
  const { stderr } = await runCli(['run', file(t, 'app.mjs', 'let let = 1')])
  t.match(stderr, /SyntaxError: [\s\S]*\nnode-dlb: .*app\.mjs, or a file that it loads, cannot be parsed/)
})

t.test("an option of the server's goes after --", async (t) => {
  const { code, stderr } = await runCli(['run', 'server.js', '--port', '8080'])
  t.equal(code, 2)
  t.match(stderr, /The server's own options go after --, as in `node-dlb run server\.js -- --port 8080`\./)
})

t.test("an option of Node's: how Node gets it is told", async (t) => {
  const outcome = await runCli(['run', 'app.js', '--inspect=0', '--', '--inspect=0'])
  t.match(outcome, {
    code: 2,
    stderr: /\n--inspect=0 is an option of Node: NODE_OPTIONS="--inspect=0" node-dlb run app\.js --/,
  })
})

t.test('help and wrong usage end as ever where nothing can be written, or nobody reads', async (t) => {
  const exits = (args: string): string => spawnSync('/bin/sh', ['-c', args, process.execPath, cli]).stdout.toString()
  const wide = 'NODE_OPTIONS= "$0" "$1"'
  t.equal(exits(`${wide} run --help >/dev/full; echo $?`), '0\n')
  t.equal(exits(`${wide} nothing 2>/dev/full; echo $?`), '2\n')
  t.equal(exits(`( (${wide} run --help; echo $? >&3) | true ) 3>&1`), '0\n')
})

t.test('a file without run: what was probably meant', async (t) => {
  for (const name of ['server.js', 'app.mjs', 'lib/server']) {
    const { code, stderr } = await runCli([name, '--workers', '2'])
    t.equal(code, 2)
    t.ok(stderr.includes(`Did you mean \`node-dlb run ${name} --workers 2\`?`), stderr)
  }
  t.match(await runCli(['--workers', '2', 'x.js']), {
    code: 2,
    stderr: /--workers is an option of run, as in `node-dlb run/,
  })
})

t.test('--stats where nothing can be written is told at the start', async (t) => {
  const folder = t.testdir({ file: '' })
  for (const [where, why] of [
    [`${folder}/nowhere/stats.json`, /ENOENT/],
    [`${folder}/file/stats.json`, /ENOTDIR/],
    [folder, /it is a folder: name a file in it/],
    [`${folder}/new/`, /it is a folder/],
  ] as const) {
    const outcome = await runCli(['run', fixture('server.mjs'), '--stats', where])
    t.equal(outcome.code, 2)
    isOneLine(t, outcome, /^node-dlb: --stats .*: the figures cannot be written there: /)
    t.match(outcome.stderr, why)
  }
  t.strictSame(fs.readdirSync(folder), ['file'], 'the try leaves nothing behind')
})

t.test('--stats /dev/null is written to, and not replaced', async (t) => {
  t.match(await runCli(['run', file(t, 'app.cjs', ''), '--stats', '/dev/null', '--quiet']), { code: 0, stderr: '' })
  t.equal(fs.statSync('/dev/null').isCharacterDevice(), true)
})

t.test('one worker is one worker', async (t) => {
  const command = new Command(t, [fixture('server.mjs'), '-w', '1'])
  await command.port()
  t.match(command.stderr, /node-dlb: 1 worker on the software device/)
  command.child.kill('SIGHUP')
  await command.untilStderr(/reloaded: 1 worker replaced\n/)
  command.child.kill('SIGTERM')
  t.match(await command.outcome, { code: 0 })
})

t.test('an entry that does not listen: after 5 s it is said what is waited for', async (t) => {
  const command = new Command(t, [file(t, 'app.cjs', 'setInterval(() => undefined, 1000)'), '-w', '2'])
  await command.untilStderr(
    /^node-dlb: worker_0, worker_1 have not listened after 5 s: .*app\.cjs has to call listen\(\); still waiting$/m,
  )
  command.child.kill('SIGTERM')
  t.match(await command.outcome, { code: 143 })
})

t.test('without addons, that is the reason that is given', async (t) => {
  const outcome = await runNode(['--no-addons', cli, 'run', file(t, 'app.cjs', LISTEN)])
  t.equal(outcome.code, 1)
  isOneLine(t, outcome, /^node-dlb: Node was told to load no native addons, by --no-addons or --permission/)
})

/** Node raises its soft limit to the hard one: so both are lowered. */
t.test('connections that are closed for want of descriptors are told once, with what to do', async (t) => {
  for (const policy of ['unordered', 'nop']) {
    // The app takes what the process has left of them, again and again.
    const code = `
      const fs = require('node:fs')
      const taken = []
      const take = () => { try { for (;;) taken.push(fs.openSync('/dev/null')) } catch { console.log('full') } }
      require('node:http').createServer().listen(0, '127.0.0.1', () => setInterval(take, 10))`
    const command = new Command(t, [file(t, 'app.cjs', code), '-w', '1', '--policy', policy], {}, 96)
    const port = await command.port()
    await command.untilStdout(/full/)
    const line = /the process has used up its 96 file descriptors: \d+ connections? closed at once\. Raise the limit/
    const told = command.untilStderr(line).then(() => 'told')
    const sockets: net.Socket[] = []
    t.teardown(() => sockets.forEach((socket) => void socket.destroy()))
    // One that is accepted has got a descriptor that was free for a moment: the next has none.
    for (let next: unknown; next !== 'told'; ) {
      const socket = net.connect(port, '127.0.0.1').on('error', () => undefined)
      sockets.push(socket)
      next = await Promise.race([
        told,
        once(socket, 'close'),
        once(socket, 'connect').then(() => once(command.child.stdout, 'data')),
      ])
    }
    for (const socket of sockets) socket.destroy()
    command.child.kill('SIGTERM')
    const { stderr } = await command.outcome
    t.ok((stderr.match(/used up its 96 file descriptors/g) ?? []).length <= 2, 'the first, and at the end the rest')
  }
})

t.test('and so are those beyond a limit', async (t) => {
  const limits = ['--max-connections', '1', '--over-limit', 'reset']
  const command = new Command(t, [fixture('server.mjs'), '-w', '1', ...limits])
  const port = await command.port()
  const held = get(port, '/hang').catch(({ code }) => code)
  // One of the two has the place.
  await Promise.race([held, get(port, '/hang').catch(() => undefined)])
  const line = /the limit on connections is reached: 1 connection closed at once \(--over-limit\)/
  t.ok(await command.untilStderr(line))
  command.child.kill('SIGKILL')
  await Promise.all([held, command.outcome])
})
