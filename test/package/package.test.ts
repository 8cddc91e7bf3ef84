import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { runNode, source } from '../programs.ts'
import { installInto, runIn } from './installed.ts'

const exec = promisify(execFile)

// Outside of the repository, where Node would go on to look in its node_modules.
const folder = await mkdtemp(path.join(tmpdir(), 'node-dlb-package-'))
t.teardown(() => rm(folder, { recursive: true }))
const project = await installInto(folder, ['@types/node', 'undici-types'])

const useDevice = `
const device = openDevice({ device: 'software' })
const domain = device.createDomain({ loadBalancedQueues: 1, loadBalancedPorts: 1 })
const queue = domain.createLoadBalancedQueue()
const port = domain.attachPort(domain.createLoadBalancedPort({ cqDepth: 8 }))
domain.start()
port.link(queue)
const events = domain.createEvents(1)
events.set(0, { queue, data64: 42n })
port.send(events, 1)
port.receive(events, 1)
port.release(1)
console.log(device.kind, events.data64(0))
domain.close()
device.close()
`

const names = 'startBalancer, attach, workerIndex, policyNames, errorCodes, NodeDlbError, EntryFailedError'

t.test('the package holds what runs, its types, and the sources of the addon, and nothing else', async (t) => {
  const { files } = project
  for (const file of ['index.js', 'device.js', 'cli.js', 'probe.js', 'start.cjs', 'bootstrap.cjs']) {
    t.ok(files.includes(`dist/lib/bundle/${file}`), file)
  }
  for (const file of ['dist/lib/index.d.ts', 'binding.gyp', 'LICENSE']) t.ok(files.includes(file), file)
  const expected =
    /^(dist\/lib\/(bundle\/[\w-]+\.c?js|.+\.d\.ts)|native\/.+\.(cc|h)|prebuilds\/.+\.node|docs\/[a-z-]+\.md|binding\.gyp|[A-Z]+(\.md)?|package\.json)$/
  t.same(
    files.filter((file) => !expected.test(file)),
    [],
  )
})

t.test('import and require give the same exports, without a warning', async (t) => {
  const print = `console.log(Object.keys({ ${names} }).length, [${names}].every((value) => value !== undefined))`
  const esm = await runIn(project, 'main.mjs', `import { ${names} } from 'node-dlb'\n${print}`)
  const cjs = await runIn(project, 'main.cjs', `const { ${names} } = require('node-dlb')\n${print}`)
  t.match(esm, { code: 0, stdout: '7 true\n', stderr: '' })
  t.same(cjs, esm)
})

t.test('the device works from the package, imported and required, without the addon', async (t) => {
  const esm = await runIn(project, 'device.mjs', `import { openDevice } from 'node-dlb/device'\n${useDevice}`)
  const cjs = await runIn(project, 'device.cjs', `const { openDevice } = require('node-dlb/device')\n${useDevice}`)
  t.match(esm, { code: 0, stdout: 'software 42n\n', stderr: '' })
  t.same(cjs, esm)
})

t.test("README's programs run in a project as npm init makes it, whose .js files are CommonJS", async (t) => {
  const readme = readFileSync(source('README.md'), 'utf8')
  const programs = new Map([...readme.matchAll(/```js\n\/\/ (\S+)\n(.*?)```/gs)].map(([, name, text]) => [name, text]))
  t.strictSame([...programs.keys()], ['server.mjs', 'main.mjs', 'device.mjs'])
  t.notMatch(readme, /```js\n(?!\/\/ )/, 'each block says which file it is')
  // A port that is free, and not README's.
  for (const [name, text] of programs) await writeFile(path.join(folder, name), text.replace('8080', '0'))
  t.match(await runNode([path.join(folder, 'device.mjs')]), { code: 0, stdout: '1 1\n' })
  const command = [path.join(project.installed, 'dist/lib/bundle/cli.js'), 'run', 'server.mjs', '--workers', '2']
  // The addon of this checkout: the package was packed without one.
  const env = { ...process.env, NODE_DLB_PREBUILD: source('.') }
  for (const args of [command, ['main.mjs']]) {
    const child = spawn('/usr/bin/env', ['NODE_OPTIONS=', process.execPath, ...args], { cwd: folder, env })
    t.teardown(() => child.kill('SIGKILL'))
    let output = ''
    const exited = once(child, 'exit')
    const up = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          output += chunk
          if (/listening on \[|inFlight/.test(output)) resolve()
        })
      }
    })
    await Promise.race([up, exited])
    child.kill('SIGTERM')
    t.strictSame(await exited, [0, null], output)
  }
})

t.test('nothing but the documented entries can be imported', async (t) => {
  const { stderr, code } = await runIn(project, 'inside.mjs', "import 'node-dlb/dist/lib/errors.js'")
  t.match(stderr, /ERR_PACKAGE_PATH_NOT_EXPORTED/)
  t.equal(code, 1)
})

t.test('its types resolve for ES modules and CommonJS, in a strict project that checks libraries, too', async (t) => {
  const use = `
export const balancer: Promise<dlb.Balancer> = dlb.startBalancer({ entry: 'server.js', workers: 2 })
export const kind: 'dlb' | 'software' = device.openDevice().kind
// @ts-expect-error not an option
dlb.startBalancer({ entry: 'server.js', threads: 2 })
`
  await writeFile(
    path.join(folder, 'esm.mts'),
    `import * as dlb from 'node-dlb'\nimport * as device from 'node-dlb/device'\n${use}`,
  )
  await writeFile(
    path.join(folder, 'cjs.cts'),
    `import dlb = require('node-dlb')\nimport device = require('node-dlb/device')\n${use}`,
  )
  const compilerOptions = { noEmit: true, strict: true, module: 'nodenext', target: 'es2023', types: ['node'] }
  await writeFile(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['esm.mts', 'cjs.cts'] }),
  )
  const { stdout, stderr, code } = await runNode([source('node_modules/typescript/bin/tsc'), '-p', folder])
  t.same({ stdout, stderr, code }, { stdout: '', stderr: '', code: 0 })
})

t.test('where no addon fits, the error names what to run, and running it makes the command work', async (t) => {
  await rm(path.join(project.installed, 'prebuilds'), { recursive: true, force: true })
  const command = [path.join(project.installed, 'dist/lib/bundle/cli.js'), 'run']
  const server = path.join(folder, 'server.cjs')
  // It serves one request of its own and then ends the process's work: no signal, no port to find.
  await writeFile(
    server,
    `const http = require('node:http')
const server = http.createServer((request, response) => response.end('served'))
server.listen(0, '127.0.0.1', async () => {
  const response = await fetch('http://127.0.0.1:' + server.address().port)
  console.log(await response.text())
  server.close()
  server.closeAllConnections()
})`,
  )
  const args = [...command, server, '--workers', '1', '--quiet']

  const before = await runNode(args)
  t.not(before.code, 0)
  t.match(before.stderr, /native addon is not built.*npm run build:addon/)

  const headers = path.resolve(process.execPath, '../..')
  const own = existsSync(path.join(headers, 'include/node/node_api.h')) ? [`--nodedir=${headers}`] : []
  // Whether it builds is what counts here, and not how fast the result is.
  const env = { ...process.env, CXXFLAGS: '-O0' }
  await exec('npm', ['run', 'build:addon', '--', '--jobs=max', ...own], { cwd: project.installed, env })
  t.match(await runNode(args), { code: 0, stdout: 'served\n', stderr: '' })
})
