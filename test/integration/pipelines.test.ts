import net from 'node:net'
import t from 'tap'
import { startBalancer } from '../../lib/index.ts'
import { portOf } from '../clients.ts'
import { source } from '../programs.ts'

/**
 * Clients that send several requests at once, while the workers that should answer them are
 * replaced.
 */

const AT_ONCE = 20
const RELOADS = 4

type Batch = (i: number) => string

const request = (method: string, i: number, headers = '', body = ''): string =>
  `${method} / HTTP/1.1\r\nHost: x\r\nNumber: ${i}\r\n${headers}\r\n${body}`
const post = (i: number, headers = ''): string =>
  request('POST', i, `${headers}Content-Length: ${i * 50}\r\n`, 'x'.repeat(i * 50))

const clients: readonly (readonly [name: string, batch: Batch])[] = [
  ['GET', (i) => request('GET', i)],
  ['POST with bodies, and HEAD', (i) => (i % 3 === 0 ? request('HEAD', i) : post(i))],
  ['answers that take their time', (i) => request('GET', i, `Delay: ${(i * 7) % 11}\r\n`)],
]

for (const [name, batch] of clients) {
  t.test(`${AT_ONCE} requests sent at once are all answered, through ${RELOADS} reloads (${name})`, async (t) => {
    const entry = source('test/integration/fixtures/pipelines.cjs')
    const balancer = await startBalancer({ entry, workers: 2, execArgv: [] })
    t.teardown(() => balancer.close({ timeout: 0 }))
    let isOver = false
    let batches = 0
    const client = async (): Promise<void> => {
      while (!isOver) batches += await useConnection(portOf(balancer), batch, () => isOver)
    }
    const running = Promise.all(Array.from({ length: 6 }, client))
    let cut = 0
    for (let i = 0; i < RELOADS; i++) cut += (await balancer.reload()).cut
    isOver = true
    await running
    t.equal(cut, 0)
    t.ok(batches > RELOADS, `${batches} batches`)
  })
}

/**
 * Batch after batch, until the server says that it closes the connection. It may close one that has
 * had its answers without a word, before it has anything of the next batch: then none of that is
 * answered.
 * @returns how many batches
 */
async function useConnection(port: number, batch: Batch, isOver: () => boolean): Promise<number> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1')
  let failure: Error | null = null
  socket.on('error', (error) => (failure = error))
  try {
    for (let batches = 0; ; batches++) {
      socket.write(Array.from({ length: AT_ONCE }, (_, i) => batch(i)).join(''))
      const { numbers, isLast } = await answers(socket)
      if (numbers.length === 0 && batches > 0) return batches
      if (numbers.join() !== Array.from({ length: AT_ONCE }, (_, i) => i).join()) {
        throw new Error(`of batch ${batches} came ${numbers.join()}`, { cause: failure })
      }
      if (isLast || isOver()) return batches + 1
    }
  } finally {
    socket.destroy()
  }
}

async function answers(socket: net.Socket): Promise<{ numbers: number[]; isLast: boolean }> {
  let text = ''
  const numbers = (): number[] => [...text.matchAll(/^x-number: (\d+)\r$/gim)].map(([, number]) => Number(number))
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('data', read).off('close', done)
      resolve()
    }
    const read = (chunk: string): void => {
      text += chunk
      if (numbers().length === AT_ONCE && text.endsWith(`${AT_ONCE - 1};`)) done()
    }
    socket.on('data', read).once('close', done)
  })
  return { numbers: numbers(), isLast: /^connection: close\r$/im.test(text) }
}
