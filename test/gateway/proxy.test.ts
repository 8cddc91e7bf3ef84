import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import net from 'node:net'
import t from 'tap'
import { Agent, request } from 'undici'
import { deferred, listening, proxied, proxyTo, raw, rawServer } from './servers.ts'

const headers = { host: 'x' }

t.test('request and answer go through with what they hold', async (t) => {
  const port = await proxied(t, async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    res.writeHead(207, 'Some Of It', { 'set-cookie': ['a=1', 'b=2'], server: 'backend', 'x-answer': 'ü' })
    res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, body }))
  })
  const answer = await request(`http://127.0.0.1:${port}/a%2Fb?c=%20`, {
    method: 'PUT',
    headers: { ...headers, 'x-mine': '1', 'content-type': 'text/plain' },
    body: 'text',
  })
  t.equal(answer.statusCode, 207)
  t.equal(answer.statusText, 'Some Of It')
  t.match(answer.headers, { server: 'node-dlb', 'set-cookie': ['a=1', 'b=2'], 'x-answer': 'ü' })
  t.match(await answer.body.json(), {
    method: 'PUT',
    url: '/a%2Fb?c=%20',
    headers: {
      host: 'x',
      'x-mine': '1',
      'content-length': '4',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
    },
    body: 'text',
  })
})

t.test('a path reaches the backend as it is written, also where a URL object would change it', async (t) => {
  const port = await proxied(t, (req, res) => res.end(req.url))
  const { body } = await raw(port, 'GET /|{}^"<%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.equal(body, '/|{}^"<%zz')
})

const bodyless: [method: string, sends: boolean][] = [
  ['GET', false],
  ['POST', true],
  ['DELETE', false],
]
for (const [method, sends] of bodyless) {
  t.test(`${method} without a body has none at the backend`, async (t) => {
    const port = await proxied(t, (req, res) => res.end(JSON.stringify(req.headers)))
    const sent = (await (await request(`http://127.0.0.1:${port}/`, { method, headers })).body.json()) as object
    t.equal('content-length' in sent, sends)
    t.notOk('transfer-encoding' in sent)
  })
}

t.test('a body in chunks, of unknown length, arrives', async (t) => {
  const port = await proxied(t, async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    res.end(body)
  })
  const chunks = '2\r\nab\r\n1\r\nc\r\n0\r\n\r\n'
  const { body } = await raw(
    port,
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunks}`,
  )
  t.equal(body, 'abc')
})

t.test("a HEAD's answer has the length of the body that it does not have", async (t) => {
  const port = await proxied(t, (_, res) => res.writeHead(200, { 'content-length': 1000 }).end())
  const { head, body } = await raw(port, 'HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.match(head, /^HTTP\/1\.1 200 OK\r\ncontent-length: 1000\r\n/)
  t.equal(body, '')
})

t.test('204 and 304 have no body', async (t) => {
  const port = await proxied(t, (req, res) => res.writeHead(Number(req.url?.slice(1)), { etag: '"1"' }).end())
  for (const status of [204, 304]) {
    const { head, body } = await raw(port, `GET /${status} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    t.match(head, `HTTP/1.1 ${status}`)
    t.match(head, 'etag: "1"')
    t.equal(body, '')
  }
})

t.test('an HTTP/1.0 client gets an answer of unknown length until the connection ends', async (t) => {
  const port = await proxied(t, (_, res) => {
    res.write('a')
    res.end('b')
  })
  const { head, body } = await raw(port, 'GET / HTTP/1.0\r\nHost: x\r\n\r\n')
  t.notMatch(head.toLowerCase(), 'transfer-encoding')
  t.equal(body, 'ab')
})

t.test('who expects 100 Continue gets it from the gateway, unless there is no route', async (t) => {
  const port = await proxied(t, async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    res.end(`${req.headers.expect} ${body}`)
  })
  const ask = async (host: string): Promise<[number, string]> => {
    const expecting = http.request({ port, host: '127.0.0.1', method: 'POST', agent: false })
    expecting.setHeader('host', host).setHeader('expect', '100-continue').setHeader('content-length', 4)
    let continued = false
    expecting.once('continue', () => {
      continued = true
      expecting.end('text')
    })
    expecting.flushHeaders()
    const [answer] = (await once(expecting, 'response')) as [IncomingMessage]
    let body = ''
    for await (const chunk of answer) body += chunk
    if (!continued) expecting.destroy()
    return [answer.statusCode ?? 0, body]
  }
  t.strictSame(await ask('x'), [200, 'undefined text'])
  t.strictSame(await ask('y'), [404, 'no route for this host and path\n'])
})

t.test('a bad request is refused', async (t) => {
  const port = await proxied(t, (_, res) => res.end())
  const { head, body } = await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.match(head, /^HTTP\/1\.1 400 /)
  t.equal(body, 'bad request: more than one Host\n')
})

t.test('connections to the backend are used again', async (t) => {
  const ports = new Set<number | undefined>()
  const port = await proxied(t, (req, res) => {
    ports.add(req.socket.remotePort)
    res.end('ok')
  })
  for (let i = 0; i < 5; i++) {
    await (
      await request(`http://127.0.0.1:${port}/`, { headers, dispatcher: new Agent({ pipelining: 0 }) })
    ).body.text()
  }
  t.equal(ports.size, 1)
})

t.test('a backend that is not there: 503', async (t) => {
  const gone = net.createServer()
  const port = await listening(t, gone)
  gone.close()
  await once(gone, 'close')
  const answer = await request(`http://127.0.0.1:${await proxyTo(t, port)}/`, { headers })
  t.equal(answer.statusCode, 503)
  t.equal(await answer.body.text(), 'backend:80 cannot be reached\n')
  t.equal(answer.headers.server, 'node-dlb')
})

t.test('a backend that closes before it answers: 503', async (t) => {
  const port = await rawServer(t, (socket) => socket.end())
  const answer = await request(`http://127.0.0.1:${await proxyTo(t, port)}/`, { headers })
  t.equal(answer.statusCode, 503)
  t.match(await answer.body.text(), 'closed the connection before it answered')
})

t.test('a backend that does not answer in time: 504, and it is told', async (t) => {
  let closed: Promise<unknown> = Promise.resolve()
  const port = await rawServer(t, (socket) => {
    closed = once(socket, 'close')
  })
  const answer = await request(`http://127.0.0.1:${await proxyTo(t, port, 100)}/`, { headers })
  t.equal(answer.statusCode, 504)
  t.match(await answer.body.text(), 'did not answer in time')
  await closed
})

const malformed = ['SMTP ready\r\n', 'HTTP/1.1 200 OK\r\nbad header\r\n\r\n', 'HTTP/1.1 999999 X\r\n\r\n']
for (const answer of malformed) {
  t.test(`a backend that answers ${JSON.stringify(answer)}: 502`, async (t) => {
    const port = await rawServer(t, (socket) => socket.write(answer))
    const { statusCode, body } = await request(`http://127.0.0.1:${await proxyTo(t, port)}/`, { headers })
    t.equal(statusCode, 502)
    t.match(await body.text(), 'did not answer in HTTP')
  })
}

t.test('a backend whose header is too large: 502', async (t) => {
  const port = await rawServer(t, (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`))
  const { statusCode, body } = await request(`http://127.0.0.1:${await proxyTo(t, port)}/`, { headers })
  t.equal(statusCode, 502)
  t.match(await body.text(), 'too large a header')
})

const broken = [
  { name: 'with a length', head: 'Content-Length: 1000' },
  { name: 'in chunks', head: 'Transfer-Encoding: chunked' },
]
for (const { name, head } of broken) {
  t.test(`a backend that breaks off an answer ${name} breaks off the client's`, async (t) => {
    const port = await rawServer(t, (socket) => socket.end(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n3\r\nabc\r\n`))
    const { statusCode, body } = await request(`http://127.0.0.1:${await proxyTo(t, port)}/`, { headers })
    t.equal(statusCode, 200)
    await t.rejects(body.text())
  })
}

t.test('a client that goes while it waits takes its request to the backend with it', async (t) => {
  const arrived = deferred<ServerResponse>()
  const port = await proxied(t, (_, res) => arrived.resolve(res))
  const client = http.get({ port, host: '127.0.0.1', headers, agent: false })
  client.on('error', () => undefined)
  const res = await arrived.promise
  const closed = once(res, 'close')
  client.destroy()
  await closed
  t.notOk(res.writableEnded)
})

t.test('a client that goes while it is answered does, too', async (t) => {
  const port = await proxied(t, (_, res) => {
    res.write('start')
    backendClosed = once(res, 'close')
  })
  let backendClosed: Promise<unknown> = Promise.resolve()
  const client = http.get({ port, host: '127.0.0.1', headers, agent: false })
  const [answer] = (await once(client, 'response')) as [IncomingMessage]
  answer.on('error', () => undefined)
  await once(answer, 'data')
  client.destroy()
  await backendClosed
  t.pass('the backend saw it')
})

t.test(
  'a client that goes in the middle of its body leaves the backend with a broken request, not a short one',
  async (t) => {
    const arrived = deferred<IncomingMessage>()
    const port = await proxied(t, (req) => arrived.resolve(req))
    const client = http.request({ port, host: '127.0.0.1', headers, agent: false, method: 'POST' })
    client.on('error', () => undefined)
    client.write('start')
    const req = await arrived.promise
    await once(req, 'data')
    client.destroy()
    t.match(await once(req, 'error'), [{ code: 'ECONNRESET' }])
    t.notOk(req.complete)
  },
)

t.test('an answer that comes before the body is read reaches the client, whose connection goes on', async (t) => {
  const port = await proxied(t, (req, res) => {
    res.writeHead(req.method === 'POST' ? 413 : 200).end('answer')
  })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const post = http.request({ port, host: '127.0.0.1', headers, agent, method: 'POST' })
  post.write('x'.repeat(100_000))
  const [refused] = (await once(post, 'response')) as [IncomingMessage]
  t.equal(refused.statusCode, 413)
  post.end('x'.repeat(100_000))
  refused.resume()
  await once(refused, 'end')
  const [next] = (await once(http.get({ port, host: '127.0.0.1', headers, agent }), 'response')) as [IncomingMessage]
  t.equal(next.statusCode, 200)
  next.resume()
  await once(next, 'end')
})
