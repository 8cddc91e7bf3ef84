import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Balancer, type PolicyName, startBalancer } from '../../lib/index.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

/**
 * Servers on Unix sockets start and end in ways that are made for one server; here several workers
 * do so on one path.
 */

function ask(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath: path, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk) => (body += chunk))
      response.once('end', () => resolve(body))
    })
    request.once('error', reject)
  })
}

/** Not in the test's own folder, whose path is longer than a socket's may be. */
function socketPath(t: Test): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'node-dlb-'))
  t.teardown(() => fs.rmSync(folder, { recursive: true }))
  return join(folder, 'app.sock')
}

/** Leaves a socket's file behind, like a server that has crashed. */
async function leaveStaleFile(path: string): Promise<void> {
  const server = net.createServer().listen(`${path}.tmp`)
  await once(server, 'listening')
  fs.linkSync(`${path}.tmp`, path)
  await new Promise((resolve) => server.close(resolve))
}

async function start(t: Test, way: string, path: string, policy?: PolicyName): Promise<Balancer> {
  const entry = source('test/balancer/fixtures/unix-starts.cjs')
  const options = { entry, workers: 3, execArgv: [], workerData: { way, path } }
  const balancer = await startBalancer({ ...options, ...(policy && { policy }) })
  t.teardown(() => balancer.close({ timeout: 0 }))
  return balancer
}

async function allListen(balancer: Balancer): Promise<void> {
  await until('all workers listen on one listener', () => {
    const { listeners } = balancer.stats()
    return listeners.length === 1 && listeners[0].workers.length >= 3
  })
}

/** Until it is reachable again. */
async function isThere(path: string): Promise<void> {
  await until(`${path} is there`, () => fs.existsSync(path))
}

const ways: readonly (readonly [way: string, mode: number | null])[] = [
  ['removes the file first', null],
  ['removes the file if it exists, and restricts the new one', 0o600],
  ['removes the file if nobody answers there', null],
  ['removes the file if the path is taken, and nobody answers there', null],
  ['removes its file when it ends', 0o640],
  ['removes its file when it has closed', null],
]

for (const [way, mode] of ways) {
  t.test(`a server that ${way}: it is reachable, also after a reload, and nothing is left`, async (t) => {
    const path = socketPath(t)
    await leaveStaleFile(path)
    const balancer = await start(t, way, path)
    await allListen(balancer)
    t.match(await ask(path), /^\d+$/)
    await balancer.reload()
    await allListen(balancer)
    await isThere(path)
    t.match(await ask(path), /^\d+$/, 'after a reload')
    if (mode !== null) t.equal(fs.statSync(path).mode & 0o777, mode)
    const { stats } = await balancer.close()
    t.match(stats.connections, { refused: 0, shed: 0, inFlight: 0 })
    t.notOk(fs.existsSync(path))
  })
}

t.test('a server that renames its file: it is reachable there, also after a reload', async (t) => {
  const path = socketPath(t)
  const balancer = await start(t, 'renames its file, so that it takes the place of another at once', path)
  await allListen(balancer)
  for (let i = 0; i < 3; i++) {
    await isThere(path)
    t.match(await ask(path), /^\d+$/)
    await balancer.reload()
    await allListen(balancer)
    // The balancer looks after removed files 20 and 200 ms after a worker has left.
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  t.match(await ask(path), /^\d+$/)
  t.notOk(fs.existsSync(`${path}.new`), 'the file is not made anew by its old name')
  await balancer.close()
  fs.rmSync(path)
})

t.test('a worker that removes the file when it dies leaves the others reachable', async (t) => {
  const path = socketPath(t)
  const balancer = await start(t, 'removes its file when it ends', path, 'nop')
  await allListen(balancer)
  await balancer.resize(2)
  await isThere(path)
  t.match(await ask(path), /^\d+$/)
  t.equal(fs.statSync(path).mode & 0o777, 0o640, 'as it was')
})

t.test('clients that wait at a socket whose file is removed are served', async (t) => {
  const path = socketPath(t)
  const balancer = await start(t, 'removes the file first', path)
  await allListen(balancer)
  const waiting = Array.from({ length: 20 }, () => ask(path))
  await balancer.reload()
  t.equal((await Promise.all(waiting)).length, 20)
})

t.test('a file that is another server’s by now is not removed at the close', async (t) => {
  const path = socketPath(t)
  const balancer = await start(t, 'removes the file first', path)
  await allListen(balancer)
  fs.unlinkSync(path)
  const other = net.createServer((socket) => socket.end('other')).listen(path)
  await once(other, 'listening')
  await balancer.close({ timeout: 0 })
  t.ok(fs.existsSync(path))
  await new Promise((resolve) => other.close(resolve))
})

t.test('a name in the abstract namespace is shared', async (t) => {
  const path = `\0node-dlb-test-${process.pid}`
  const balancer = await start(t, 'has no file', path)
  await allListen(balancer)
  t.match(await ask(path), /^\d+$/)
  await balancer.reload()
  t.match(await ask(path), /^\d+$/)
})
