import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import net, { type Socket } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { NodeDlbError } from '../../lib/errors.ts'
import { loadAddon } from '../../lib/native.ts'
import { ListeningSocket, type ListenOptions } from '../../lib/net/listening-socket.ts'
import { openDescriptors } from '../native/descriptors.ts'
import { closed, connect, dial, ignore } from './clients.ts'

const { closeFd } = loadAddon()
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
const loopback: ListenOptions = { address: '127.0.0.1', port: 0, backlog: 511, ipv6Only: false }

/** A listener whose connections are collected, and can be waited for. */
function collect(options: Partial<ListenOptions> = {}) {
  const fds: number[] = []
  const batches: number[] = []
  let wake = ignore
  const listener = ListeningSocket.open(1, { ...loopback, ...options }, (batch, count) => {
    fds.push(...batch.subarray(0, count))
    batches.push(count)
    wake()
  })
  const arrived = async (count: number) => {
    while (fds.length < count) await new Promise<void>((resolve) => (wake = resolve))
  }
  return { listener, fds, batches, arrived, closeAll: () => fds.splice(0).forEach(closeFd) }
}

function failure(options: Partial<ListenOptions>): { error: NodeDlbError; cause: NodeJS.ErrnoException } {
  try {
    ListeningSocket.open(1, { ...loopback, ...options }, ignore).close()
  } catch (error) {
    if (error instanceof NodeDlbError) return { error, cause: error.cause as NodeJS.ErrnoException }
    throw error
  }
  throw new Error('it listens')
}

const directory = mkdtempSync(path.join(tmpdir(), 'node-dlb-listener-'))
t.teardown(() => rmSync(directory, { recursive: true }))
t.before(async () => {
  // What Node opens at first use and keeps.
  const { listener, arrived, closeAll } = collect()
  const socket = await connect(listener.address)
  await arrived(1)
  closeAll()
  listener.close()
  await closed(socket)
})

/** A test that leaves the process's descriptors as they were. */
function test(name: string, body: (t: Test) => Promise<void>): void {
  t.test(name, async (t) => {
    const before = openDescriptors()
    await body(t)
    t.strictSame(openDescriptors(), before, 'no descriptor is left open')
  })
}

const places: Record<string, Partial<ListenOptions>> = {
  IPv4: {},
  'any address': { address: null },
  'a Unix socket': { path: path.join(directory, 'socket') },
  'an abstract Unix socket': { path: `\0node-dlb-${process.pid}` },
  'any IPv4 address': { address: '0.0.0.0' },
  ...(hasIpv6 && { IPv6: { address: '::1' }, 'only IPv6': { address: '::', ipv6Only: true } }),
}

for (const [name, options] of Object.entries(places)) {
  test(`a client reaches a listener on ${name}, and the fd is its connection`, async (t) => {
    const { listener, fds, arrived, closeAll } = collect(options)
    const client = dial(listener.address)
    await arrived(1)
    t.equal(listener.isConnection(fds[0]), true)
    writeSync(fds[0], 'hello')
    t.equal(String((await once(client, 'data'))[0]), 'hello')
    closeAll()
    await closed(client)
    listener.close()
    t.strictSame(listener.counters(), { accepted: 1, shed: 0, aborted: 0, backoffs: 0 })
  })
}

test('the address is what server.address() of Node gives', async (t) => {
  for (const [name, options] of Object.entries(places)) {
    const { listener } = collect(options)
    const ours = listener.address
    listener.close()
    const server = net.createServer()
    const { address, path, ipv6Only = false } = { ...loopback, ...options }
    server.listen(path === undefined ? { port: 0, ...(address !== null && { host: address }), ipv6Only } : { path })
    await once(server, 'listening')
    const theirs = server.address()
    server.close()
    await once(server, 'close')
    if (theirs !== null && typeof theirs === 'object') theirs.port = (ours as net.AddressInfo).port
    t.strictSame(ours, theirs, name)
  }
})

test('only IPv6 leaves the port free for IPv4, and otherwise it is taken', async (t) => {
  if (!hasIpv6) return
  for (const ipv6Only of [true, false]) {
    const six = collect({ address: '::', ipv6Only })
    const { port } = six.listener.address as net.AddressInfo
    if (ipv6Only) collect({ address: '0.0.0.0', port }).listener.close()
    else t.equal(failure({ address: '0.0.0.0', port }).cause.code, 'EADDRINUSE')
    six.listener.close()
  }
})

test('failures to listen carry the errno that Node would report', async (t) => {
  const { listener } = collect()
  const { port } = listener.address as net.AddressInfo
  const taken = path.join(directory, 'taken')
  writeFileSync(taken, '')
  const table: [string, Partial<ListenOptions>][] = [
    ['EADDRINUSE', { port }],
    ['EADDRINUSE', { path: taken }],
    ['EADDRNOTAVAIL', { address: '192.0.2.1' }],
    ['EACCES', { path: path.join(directory, 'missing', 'socket') }],
    ['EINVAL', { path: path.join(directory, 'x'.repeat(108)) }],
    ['EINVAL', { address: 'localhost' }],
  ]
  for (const [code, options] of table) {
    const { error, cause } = failure(options)
    t.equal(error.code, 'ERR_DLB_LISTEN')
    t.match(error.message, code)
    t.match(cause, { code, errno: Number, syscall: String })
    t.ok((cause.errno ?? 0) < 0)
  }
  t.ok(existsSync(taken), 'a path that was there before is not removed')
  listener.close()
})

test('wrong arguments are refused before anything is opened', async (t) => {
  for (const options of [{ port: -1 }, { port: 65_536 }, { port: 1.5 }, { path: '' }]) {
    t.throws(() => ListeningSocket.open(1, { ...loopback, ...options }, ignore), { code: 'ERR_DLB_INVALID_ARGUMENT' })
  }
  t.throws(() => ListeningSocket.open(65_536, loopback, ignore), { code: 'ERR_DLB_INVALID_ARGUMENT' })
})

test('a Unix socket is removed from the file system at close', async (t) => {
  const { listener } = collect({ path: path.join(directory, 'removed') })
  t.ok(existsSync(String(listener.address)))
  listener.close()
  t.notOk(existsSync(String(listener.address)))
})

test('accepted descriptors do not block and are not inherited by child processes', async (t) => {
  const { listener, fds, arrived, closeAll } = collect()
  const client = dial(listener.address)
  await arrived(1)
  const flags = Number.parseInt(
    /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fds[0]}`, 'latin1'))?.[1] ?? '',
    8,
  )
  t.equal(flags & 0o2004000, 0o2004000, 'O_NONBLOCK and O_CLOEXEC')
  closeAll()
  await closed(client)
  listener.close()
})

test('isConnection tells accepted connections from all other descriptors', async (t) => {
  const one = collect()
  const two = collect()
  const client = await connect(one.listener.address)
  await one.arrived(1)
  t.equal(one.listener.isConnection(one.fds[0]), true)
  t.equal(two.listener.isConnection(one.fds[0]), false, 'it is another listener’s')
  const { fd: clientFd } = (client as Socket & { _handle: { fd: number } })._handle
  t.equal(one.listener.isConnection(clientFd), false, 'the client’s end is not ours')
  for (const fd of [0, 1, 999_999]) t.equal(one.listener.isConnection(fd), false)
  const [fd] = one.fds
  one.closeAll()
  t.equal(one.listener.isConnection(fd), false, 'a closed one is none')
  await closed(client)
  one.listener.close()
  two.listener.close()
})

test('while paused nothing arrives, and the backlog keeps the clients', async (t) => {
  const { listener, fds, arrived, closeAll } = collect()
  listener.pause()
  listener.pause()
  const clients = await Promise.all(Array.from({ length: 100 }, () => connect(listener.address)))
  t.equal(fds.length, 0)
  listener.resume()
  listener.resume()
  await arrived(100)
  closeAll()
  await Promise.all(clients.map(closed))
  listener.close()
})

test('pause within a batch stops the next one', async (t) => {
  const fds: number[] = []
  const clients = 150
  let finish = ignore
  const done = new Promise<void>((resolve) => (finish = resolve))
  const listener = ListeningSocket.open(1, loopback, (batch, count) => {
    t.ok(count <= 64, 'a batch has at most 64')
    fds.push(...batch.subarray(0, count))
    listener.pause()
    setImmediate(() => setImmediate(() => (fds.length === clients ? finish() : listener.resume())))
  })
  listener.pause()
  const sockets = await Promise.all(Array.from({ length: clients }, () => connect(listener.address)))
  listener.resume()
  await done
  fds.forEach(closeFd)
  await Promise.all(sockets.map(closed))
  listener.close()
})

test('close within a batch, and close twice', async (t) => {
  const listener = ListeningSocket.open(1, loopback, (fds) => {
    listener.close()
    listener.close()
    closeFd(fds[0])
  })
  const client = dial(listener.address)
  await closed(client)
  listener.pause()
  listener.resume()
  t.equal(listener.isConnection(0), false)
  t.equal(listener.counters().accepted, 1, 'the counters stay')
})

test('closing while clients connect leaves none of them hanging', async (t) => {
  for (let round = 0; round < 20; round++) {
    const { listener, arrived, closeAll } = collect()
    const clients = Array.from({ length: 50 }, () => dial(listener.address))
    await arrived(round)
    listener.close()
    closeAll()
    await Promise.all(clients.map(closed))
  }
  t.pass('every client was closed')
})

test('a port is free again as soon as its listener is closed', async (_t) => {
  const first = collect()
  const { port } = first.listener.address as net.AddressInfo
  const client = await connect(first.listener.address)
  await first.arrived(1)
  first.listener.close()
  const second = collect({ port })
  second.listener.close()
  first.closeAll()
  await closed(client)
})

test('4,000 connections arrive, each once', async (t) => {
  let accepted = 0
  const listener = ListeningSocket.open(1, loopback, (fds, count) => {
    accepted += count
    for (let i = 0; i < count; i++) closeFd(fds[i])
  })
  const client = async () => {
    for (let i = 0; i < 80; i++) await closed(dial(listener.address))
  }
  await Promise.all(Array.from({ length: 50 }, client))
  t.equal(accepted, 4000)
  t.equal(listener.counters().accepted, 4000)
  listener.close()
})
