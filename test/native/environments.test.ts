import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { loadAddon } from '../../lib/native.ts'
import { ListeningSocket } from '../../lib/net/listening-socket.ts'
import { closed, dial } from '../balancer/clients.ts'
import { openDescriptors } from './descriptors.ts'

// A thread that ends with one of libuv's handles open aborts the process, and with it this test.
const directory = mkdtempSync(path.join(tmpdir(), 'node-dlb-environments-'))
t.teardown(() => rmSync(directory, { recursive: true }))

interface Ending {
  worker: Worker
  exit: Promise<unknown>
  address: ListeningSocket['address']
}

async function start(mode: string, unixPath?: string): Promise<Ending> {
  const worker = new Worker(new URL('./fixtures/ending-worker.js', import.meta.url), {
    workerData: { mode, path: unixPath },
    execArgv: [],
  })
  const exit = new Promise((resolve) => worker.on('exit', resolve))
  const [address] = await once(worker, 'message')
  return { worker, exit, address }
}

/**
 * What a batch's callback had taken and not closed when it was terminated is nobody's. The addon
 * cannot know of it.
 */
function closeTaken(address: ListeningSocket['address']): void {
  const { port } = address as AddressInfo
  const options = { address: '127.0.0.1', port, backlog: 1, ipv6Only: false }
  const same = ListeningSocket.open(2, options, () => undefined)
  for (const descriptor of openDescriptors()) {
    const fd = Number.parseInt(descriptor, 10)
    if (same.isConnection(fd)) loadAddon().closeFd(fd)
  }
  same.close()
}

const endings: Record<string, (ending: Ending) => Promise<unknown>> = {
  'is terminated while listening': ({ worker }) => worker.terminate(),
  'is terminated while paused': ({ worker }) => worker.terminate(),
  'is terminated while closing': ({ worker }) => worker.terminate(),
  'is terminated while clients connect': async ({ worker, address }) => {
    const clients = Array.from({ length: 100 }, () => dial(address))
    // The kernel may lose the RST of a connection that comes to be while its listening socket is
    // closed. What a client writes is answered by another.
    for (const client of clients) client.write('?')
    await worker.terminate()
    closeTaken(address)
    await Promise.all(clients.map(closed))
  },
  'loops in a batch': async ({ worker, address }) => {
    const looping = once(worker, 'message')
    const client = dial(address)
    await looping
    await worker.terminate()
    await closed(client)
  },
  'exits in a batch': async ({ exit, address }) => Promise.all([closed(dial(address)), exit]),
  'closes in a batch': async ({ exit, address }) => Promise.all([closed(dial(address)), exit]),
  'throws in a batch': async ({ worker, exit, address }) => {
    const error = new Promise<Error>((resolve) => worker.on('error', resolve))
    await Promise.all([closed(dial(address)), exit])
    t.equal((await error).message, 'thrown in a batch')
  },
}

for (const [mode, end] of Object.entries(endings)) {
  t.test(`a thread that ${mode} leaves nothing open`, async (t) => {
    // What Node opens at first use and keeps.
    const first = await start('is terminated while listening')
    await closed(dial(first.address))
    await first.worker.terminate()
    const before = openDescriptors()
    await end(await start(mode))
    t.strictSame(openDescriptors(), before)
  })
}

t.test('a Unix socket is removed with the thread that listened on it', async (t) => {
  const { worker, address } = await start('is terminated while listening', path.join(directory, 'socket'))
  t.ok(existsSync(String(address)))
  await worker.terminate()
  t.notOk(existsSync(String(address)))
})

t.test('threads that are terminated in the midst of calls leave nothing open', async (t) => {
  const before = openDescriptors()
  for (let i = 0; i < 40; i++) await (await start('opens and closes for ever')).worker.terminate()
  t.strictSame(openDescriptors(), before)
})

t.test('threads that listen end in any order, and the addon serves those that are left', async (t) => {
  const threads = await Promise.all(Array.from({ length: 6 }, () => start('listens')))
  for (const index of [3, 0, 5, 1, 4, 2]) {
    await closed(dial(threads[index].address))
    await threads[index].worker.terminate()
  }
  t.pass('all were served')
})
