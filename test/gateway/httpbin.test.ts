import { once } from 'node:events'
import http from 'node:http'
import type { Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { request } from 'undici'
import { createHttpbin } from '../../examples/ingress-gateway/httpbin.ts'
import { within } from '../deadline.ts'
import { listening } from './servers.ts'

let origin = ''
t.before(async () => {
  origin = `http://127.0.0.1:${await listening(t, createHttpbin())}`
})

const statuses: [path: string, status: number][] = [
  ['/status/200', 200],
  ['/status/204', 204],
  ['/status/418', 418],
  ['/status/503', 503],
  ['/status/200:0,500:1', 500],
  ['/status/200%3A0%2C500%3A0.5', 500],
  ['/status/', 404],
  ['/status/99', 400],
  ['/status/100', 400],
  ['/status/600', 400],
  ['/status/abc', 400],
  ['/status/200:0', 400],
  ['/status/%zz', 400],
  ['/delay/x', 400],
  ['/delay/-1', 400],
  ['/nothing', 404],
  ['//', 404],
]

for (const [path, status] of statuses) {
  t.test(`${path} is ${status}`, async (t) => {
    const answer = await request(origin + path)
    t.equal(answer.statusCode, status)
    await answer.body.dump()
  })
}

t.test('weighted statuses come in about their shares', async (t) => {
  const answers = await Promise.all(Array.from({ length: 400 }, () => request(`${origin}/status/200:3,500:1`)))
  await Promise.all(answers.map(({ body }) => body.dump()))
  const good = answers.filter(({ statusCode }) => statusCode === 200).length
  // The bounds are six standard deviations about the mean, for 400 with p = 3/4.
  t.ok(good > 248 && good < 352, `${good} of 400`)
})

t.test('a request is told as it came', async (t) => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    const { body } = await request(`${origin}/${method.toLowerCase()}?a=1`, {
      method,
      headers: { 'x-mine': 'yes', 'x-forwarded-for': '192.0.2.1' },
      body: '{"b":2}',
    })
    t.match(await body.json(), {
      method,
      url: `/${method.toLowerCase()}?a=1`,
      args: { a: '1' },
      headers: { 'x-mine': 'yes' },
      origin: '192.0.2.1',
      data: '{"b":2}',
      size: 7,
      json: { b: 2 },
    })
  }
  t.match(await (await request(`${origin}/anything/below?x`)).body.json(), {
    url: '/anything/below?x',
    data: '',
    json: null,
  })
  t.match(await (await request(`${origin}/get`)).body.json(), { method: 'GET', origin: '127.0.0.1' })
})

t.test('a body too large to be shown is read, and counted', async (t) => {
  const { body } = await request(`${origin}/anything`, { method: 'POST', body: Buffer.alloc(3_000_000, 'x') })
  const { size, data } = (await body.json()) as { size: number; data: string }
  t.strictSame([size, data.length], [3_000_000, 1024 * 1024])
})

t.test('a wrong method is 405, and says which are right', async (t) => {
  const answer = await request(`${origin}/post`)
  t.equal(answer.statusCode, 405)
  t.equal(answer.headers.allow, 'POST')
  await answer.body.dump()
})

t.test('/headers, /ip, /user-agent and /uuid', async (t) => {
  const read = async (path: string): Promise<unknown> => {
    return (await request(origin + path, { headers: { 'user-agent': 'tester' } })).body.json()
  }
  t.match(await read('/headers'), { headers: { 'user-agent': 'tester' } })
  t.strictSame(await read('/ip'), { origin: '127.0.0.1' })
  t.strictSame(await read('/user-agent'), { 'user-agent': 'tester' })
  t.match(await read('/uuid'), { uuid: /^[0-9a-f-]{36}$/ })
})

t.test('/bytes, /stream and /gzip', async (t) => {
  const bytes = await request(`${origin}/bytes/200000`)
  t.equal((await bytes.body.arrayBuffer()).byteLength, 200_000)
  t.equal((await (await request(`${origin}/bytes/0`)).body.arrayBuffer()).byteLength, 0)
  const lines = (await (await request(`${origin}/stream/3`)).body.text()).trim().split('\n')
  t.match(
    lines.map((line) => JSON.parse(line)),
    [{ id: 0 }, { id: 1 }, { id: 2 }],
  )
  const zipped = await request(`${origin}/gzip`)
  t.equal(zipped.headers['content-encoding'], 'gzip')
  t.match(JSON.parse(gunzipSync(Buffer.from(await zipped.body.arrayBuffer())).toString()), { gzipped: true })
})

t.test('a client that goes ends its delay', async (t) => {
  const server = createHttpbin()
  const port = await listening(t, server)
  const waiting = new Promise<Socket>((resolve) => server.once('request', (req) => resolve(req.socket)))
  const client = http.get({ port, host: '127.0.0.1', path: '/delay/10' }).on('error', () => undefined)
  const socket = await waiting
  const closed = new Promise((resolve) => socket.once('close', resolve))
  client.destroy()
  await within('the server notices', closed)
  t.equal(socket.destroyed, true)
  server.close()
  await within('nothing is left of the request', once(server, 'close'))
})
