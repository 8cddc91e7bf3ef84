import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import type { BalancerOptions, BalancerStats } from '../../lib/index.ts'
import { ways } from '../clients.ts'
import { openDescriptors } from '../native/descriptors.ts'
import { source } from '../programs.ts'
import { closed, dial } from './clients.ts'

/**
 * The thread that started a balancer ends before it has closed it. Its workers end with it.
 * Whatever was accepted is closed then, by Node or by the addon, and its client knows: nothing is
 * left to the rest of the process's life.
 */

/** A thread with a balancer of lifecycle.cjs, whose workers can be blocked. */
class Owner {
  readonly thread: Worker
  readonly address: AddressInfo
  readonly gate: Int32Array

  static async start(t: Test, options: Partial<BalancerOptions> = {}): Promise<Owner> {
    const gate = new SharedArrayBuffer(8)
    const entry = source('test/integration/fixtures/lifecycle.cjs')
    const workerData = { entry, workers: 2, execArgv: [], env: {}, workerData: { gate }, ...options }
    const thread = new Worker(source('test/balancer/fixtures/owner.cjs'), { workerData, execArgv: [] })
    t.teardown(() => thread.terminate())
    const [{ address }] = await once(thread, 'message')
    return new Owner(thread, address, new Int32Array(gate))
  }

  private constructor(thread: Worker, address: AddressInfo, gate: Int32Array) {
    this.thread = thread
    this.address = address
    this.gate = gate
  }

  async stats(): Promise<BalancerStats> {
    this.thread.postMessage('stats')
    return (await once(this.thread, 'message'))[0]
  }

  async until(isMeant: (connections: BalancerStats['connections']) => boolean): Promise<BalancerStats['connections']> {
    for (;;) {
      const { connections } = await this.stats()
      if (isMeant(connections)) return connections
    }
  }

  /** Each by a request. */
  async block(workers: number): Promise<void> {
    for (let blocked = 0; blocked < workers; blocked++) {
      dial(this.address).write('GET /block HTTP/1.1\r\nHost: x\r\n\r\n')
      while (Atomics.load(this.gate, 0) === blocked) await Atomics.waitAsync(this.gate, 0, blocked).value
    }
  }
}

const ends: Record<string, (owner: Owner) => Promise<unknown>> = {
  'terminate()': ({ thread }) => thread.terminate(),
  'process.exit()': ({ thread }) => {
    const exited = once(thread, 'exit')
    thread.postMessage('exit')
    return exited
  },
}

let descriptors: readonly string[] = []

t.before(async () => {
  // What Node opens at first use and keeps, it has by then.
  const owner = await Owner.start(t)
  const client = dial(owner.address)
  await owner.until(({ active }) => active === 1)
  await owner.thread.terminate()
  await closed(client)
  descriptors = openDescriptors()
})

for (const [name, end] of Object.entries(ends)) {
  for (const policy of name === 'terminate()' ? ways : (['unordered'] as const)) {
    t.test(`${name}: what waits for its workers is closed with it (${policy})`, async (t) => {
      const owner = await Owner.start(t, { policy, stallTimeout: 0 })
      await owner.block(2)
      const clients = Array.from({ length: 40 }, () => dial(owner.address))
      // Under nop they wait in the kernel's backlog.
      if (policy !== 'nop') await owner.until(({ inFlight }) => inFlight >= 40)
      else await Promise.all(clients.map((client) => once(client, 'connect')))
      await end(owner)
      await Promise.all(clients.map(closed))
      t.strictSame(openDescriptors(), descriptors)
    })
  }
}

t.test('so is what waits for credits', async (t) => {
  const owner = await Owner.start(t, { credits: 4, stallTimeout: 0 })
  await owner.block(2)
  const clients = Array.from({ length: 40 }, () => dial(owner.address))
  await owner.until(({ waiting }) => waiting > 0)
  await owner.thread.terminate()
  await Promise.all(clients.map(closed))
  t.strictSame(openDescriptors(), descriptors)
})

for (const policy of ways) {
  t.test(`so are connections whose PROXY header has not come yet, and open ones (${policy})`, async (t) => {
    const owner = await Owner.start(t, { policy, proxyProtocol: true })
    const clients = Array.from({ length: 20 }, () => dial(owner.address))
    for (const client of clients.slice(10)) client.write('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /hang HTTP/1.1\r\n')
    await owner.until(({ active }) => active === 20)
    await owner.thread.terminate()
    await Promise.all(clients.map(closed))
    t.strictSame(openDescriptors(), descriptors)
  })

  t.test(`a thread that ends at any moment of a flood leaves nothing (${policy})`, async (t) => {
    for (let i = 0; i < 5; i++) {
      const owner = await Owner.start(t, { policy })
      const clients = Array.from({ length: 100 }, () => dial(owner.address))
      // The kernel may lose the RST of a connection that comes to be while its listening socket is
      // closed; what a client writes is answered by another.
      for (const client of clients) client.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n')
      await Promise.race(clients.slice(i, i + 50).map((client) => once(client, 'connect')))
      await owner.thread.terminate()
      await Promise.all(clients.map(closed))
    }
    t.strictSame(openDescriptors(), descriptors)
  })
}
