import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import t from 'tap'
import { request } from 'undici'
import { deferred, proxied } from './servers.ts'

const headers = { host: 'x' }
const MIB = 1024 * 1024
const CHUNK = randomBytes(64 * 1024)
const SIZE = 40 * MIB
/**
 * What may wait on the way: the kernel's buffers of two connections and Node's, far less than all
 * of it.
 */
const MOST_ON_THE_WAY = 30 * MIB

function* chunks(): Generator<Buffer> {
  for (let sent = 0; sent < SIZE; sent += CHUNK.length) yield CHUNK
}

async function digest(stream: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk)
  return hash.digest('hex')
}

t.test('40 MiB go up and down at the same time, unchanged', async (t) => {
  const port = await proxied(t, (req, res) => req.pipe(res))
  const { body } = await request(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers,
    body: Readable.from(chunks()),
  })
  t.equal(await digest(body), await digest(Readable.from(chunks())))
})

t.test('40 MiB of known length go up', async (t) => {
  const port = await proxied(t, async (req, res) => {
    res.end(`${req.headers['content-length']} ${await digest(req)}`)
  })
  const { body } = await request(`http://127.0.0.1:${port}/`, {
    method: 'PUT',
    headers: { ...headers, 'content-length': String(SIZE) },
    body: Readable.from(chunks()),
  })
  t.equal(await body.text(), `${SIZE} ${await digest(Readable.from(chunks()))}`)
})

/** Writes until `stalled` says so, or 200 MiB. @returns how much was taken */
async function writeUntilStalled(write: (chunk: Buffer) => boolean, drained: () => Promise<unknown>): Promise<number> {
  let written = 0
  while (written < 200 * MIB) {
    written += CHUNK.length
    if (write(CHUNK)) continue
    const stalled = Symbol('stalled')
    const { promise, resolve } = deferred<symbol>()
    const timer = setTimeout(resolve, STALL_MS, stalled)
    const first = await Promise.race([drained(), promise])
    clearTimeout(timer)
    if (first === stalled) break
  }
  return written
}

/**
 * Nothing tells that nothing happens: a writer that has not been asked for more in so long is held.
 */
const STALL_MS = 1000

t.test('a backend is not asked for more than the client takes', async (t) => {
  const answering = deferred<ServerResponse>()
  const port = await proxied(t, (_, res) => answering.resolve(res))
  const client = http.get({ port, host: '127.0.0.1', headers, agent: false })
  const responded = once(client, 'response') as Promise<[IncomingMessage]>
  const res = await answering.promise
  const taken = await writeUntilStalled(
    (chunk) => res.write(chunk),
    () => once(res, 'drain'),
  )
  t.ok(taken < MOST_ON_THE_WAY, `${taken / MIB} MiB were taken`)
  const [answer] = await responded
  res.end()
  let received = 0
  for await (const chunk of answer) received += chunk.length
  t.equal(received, taken, 'and all of it arrives once the client reads')
})

t.test('a client is not asked for more than the backend takes', async (t) => {
  const arriving = deferred<[IncomingMessage, ServerResponse]>()
  const port = await proxied(t, (req, res) => arriving.resolve([req, res]))
  const client = http.request({ port, host: '127.0.0.1', headers, agent: false, method: 'POST' })
  const responded = once(client, 'response') as Promise<[IncomingMessage]>
  client.write(CHUNK)
  const [req, res] = await arriving.promise
  const taken = await writeUntilStalled(
    (chunk) => client.write(chunk),
    () => once(client, 'drain'),
  )
  t.ok(taken < MOST_ON_THE_WAY, `${taken / MIB} MiB were taken`)
  client.end()
  let received = 0
  for await (const chunk of req) received += chunk.length
  t.equal(received, CHUNK.length + taken, 'and all of it arrives once the backend reads')
  res.end()
  const [answer] = await responded
  answer.resume()
  await once(answer, 'end')
})

t.test('a header comes before its body does, and each part when it is sent', async (t) => {
  const answering = deferred<ServerResponse>()
  const port = await proxied(t, (_, res) => {
    res.flushHeaders()
    answering.resolve(res)
  })
  const client = http.get({ port, host: '127.0.0.1', headers, agent: false })
  const [answer] = (await once(client, 'response')) as [IncomingMessage]
  const res = await answering.promise
  for (const part of ['first', 'second']) {
    res.write(part)
    t.equal(String((await once(answer, 'data'))[0]), part)
  }
  res.end()
  await once(answer, 'end')
})
