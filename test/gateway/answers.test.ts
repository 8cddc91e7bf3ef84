import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net from 'node:net'
import t, { type Test } from 'tap'
import { deferred, listening, proxyTo, raw, rawServer, scripted } from './servers.ts'

/** What backends may answer, byte by byte, and what becomes of it. */

const ok = 'Content-Length: 2\r\n\r\nok'
/** Returns the text as bytes of UTF-8, each written as one character. */
const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

/** What a client of the proxy gets, whose backend answers with these bytes. */
async function answered(t: Test, answer: string, request = 'GET / HTTP/1.1'): ReturnType<typeof raw> {
  const port = await proxyTo(t, await scripted(t, { '/': answer }))
  return raw(port, `${request}\r\nHost: x\r\nConnection: close\r\n\r\n`)
}

const passedOn: [what: string, answer: string, expected: string | RegExp][] = [
  ['a phrase of UTF-8', `HTTP/1.1 404 ${utf8('Non trouvée — désolé')}\r\n${ok}`, `404 ${utf8('Non trouvée — désolé')}`],
  ['a phrase of Latin-1', `HTTP/1.1 404 Non trouv\xe9\r\n${ok}`, '404 Non trouv\xe9'],
  ['no phrase', `HTTP/1.1 404 \r\n${ok}`, '404 '],
  ['a phrase with a control character', `HTTP/1.1 404 a\x01b\r\n${ok}`, '404 Not Found'],
  ['a phrase with a NUL', `HTTP/1.1 200 a\0b\r\n${ok}`, '200 OK'],
  ['an unknown status', `HTTP/1.1 799 Seven\r\n${ok}`, '799 Seven'],
  ['a field value of Latin-1', `HTTP/1.1 200 OK\r\nX-A: \xe9\xff\r\n${ok}`, /\r\nX-A: \xe9\xff\r\n/],
  ['a field value of UTF-8', `HTTP/1.1 200 OK\r\nX-A: ${utf8('désolé')}\r\n${ok}`, `\r\nX-A: ${utf8('désolé')}\r\n`],
  [
    'its own date',
    `HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n${ok}`,
    'Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n',
  ],
  ['an upgrade that it offers', `HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: upgrade\r\n${ok}`, /^(?![\s\S]*h2c)/],
  [
    'trailers',
    'HTTP/1.1 200 OK\r\nTrailer: x-t\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n',
    '200 OK',
  ],
  ['100 fields', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(99)}${ok}`, '200 OK'],
  ['a header of 59 KiB', `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(59 * 1024)}\r\n${ok}`, '200 OK'],
]
for (const [what, answer, expected] of passedOn) {
  t.test(`an answer with ${what} is passed on`, async (t) => {
    const { head, body } = await answered(t, answer)
    t.match(head, expected)
    t.match(body, /^(ok|2\r\nok\r\n0\r\n\r\n)$/)
  })
}

const refused: [what: string, answer: string, why: string][] = [
  ['status 099', `HTTP/1.1 099 X\r\n${ok}`, 'answered with status 99'],
  ['status 000', `HTTP/1.1 000 X\r\n${ok}`, 'answered with status 0'],
  ['status 1000', `HTTP/1.1 1000 X\r\n${ok}`, 'did not answer in HTTP'],
  [
    'status 101, which nobody asked for',
    'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n',
    'switched',
  ],
  ['status 101 and no upgrade', `HTTP/1.1 101 X\r\n\r\n`, 'answered with status 101'],
  ['a control character in a field', `HTTP/1.1 200 OK\r\nX-A: a\x01b\r\n${ok}`, 'did not answer in HTTP'],
  ['a NUL in a field', `HTTP/1.1 200 OK\r\nX-A: a\0b\r\n${ok}`, 'did not answer in HTTP'],
  ['a folded field', `HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\n${ok}`, 'did not answer in HTTP'],
  ['a name that is none', `HTTP/1.1 200 OK\r\nX A: a\r\n${ok}`, 'did not answer in HTTP'],
  ['two lengths', `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${ok}`, 'did not answer in HTTP'],
  ['a length and chunks', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${ok}`, 'did not answer in HTTP'],
  [
    'another coding under its chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    'coding',
  ],
  ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok', 'coding'],
  ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', 'HTTP/1.0'],
  ['another version', `HTTP/2.0 200 OK\r\n${ok}`, 'answered in HTTP/2.0'],
  ['101 fields', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(100)}${ok}`, 'sent more than 100 header fields'],
  ['3,000 fields', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(3000)}${ok}`, 'sent more than 100 header fields'],
  ['a header of 61 KiB', `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(61 * 1024)}\r\n${ok}`, 'sent too large a header'],
]
for (const [what, answer, why] of refused) {
  t.test(`an answer with ${what} is 502 for its client alone`, async (t) => {
    const waiting = deferred<net.Socket>()
    const backend = net.createServer((socket) => {
      socket.on('error', () => socket.destroy())
      t.teardown(() => socket.destroy())
      socket.setEncoding('latin1').on('data', (head) => {
        if (String(head).startsWith('GET /wait')) waiting.resolve(socket)
        else socket.write(answer, 'latin1')
      })
    })
    const port = await proxyTo(t, await listening(t, backend))
    const bystander = raw(port, 'GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const socket = await waiting.promise
    const { head, body } = await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    t.match(head, /^HTTP\/1\.1 502 Bad Gateway\r\n/)
    t.match(head, /\r\nserver: node-dlb\r\n/)
    t.match(body, why)
    socket.write(`HTTP/1.1 200 OK\r\n${ok}`)
    t.match(await bystander, { head: /^HTTP\/1\.1 200 OK\r\n/, body: 'ok' })
  })
}

t.test('1xx are passed on but for 100, which is the gateway’s, and not to HTTP/1.0', async (t) => {
  const answer = [
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 103 Early \xe9\r\nLink: </a>; rel=preload\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n',
    'HTTP/1.1 102 a\x01b\r\n\r\n',
    `HTTP/1.1 200 OK\r\n${ok}`,
  ].join('')
  const { head, body } = await answered(t, answer)
  t.equal(head, 'HTTP/1.1 103 Early \xe9\r\nLink: </a>; rel=preload')
  t.match(body, /^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/)
  t.match(await answered(t, answer, 'GET / HTTP/1.0'), { head: /^HTTP\/1\.1 200 OK\r\n/, body: 'ok' })
})

t.test('HEAD, 304 and 204 have no body whatever length they say, and their connections go on', async (t) => {
  const answers = {
    '/head': 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n',
    '/304': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n',
    '/204': 'HTTP/1.1 204 No Content\r\nContent-Length: 1000\r\n\r\n',
  }
  const port = await proxyTo(t, await scripted(t, answers))
  const request = (line: string, more = ''): string => `${line} HTTP/1.1\r\nHost: x\r\n${more}\r\n`
  const { head, body } = await raw(
    port,
    request('HEAD /head') + request('GET /304') + request('GET /204') + request('GET /', 'Connection: close\r\n'),
  )
  const heads = `${head}\r\n\r\n${body}`.split('\r\n\r\n')
  t.match(heads[0], /^HTTP\/1\.1 200 OK\r\nContent-Length: 1000\r\n/)
  t.match(heads[1], /^HTTP\/1\.1 304 Not Modified\r\nContent-Length: 1000\r\n/)
  t.match(heads[2], /^HTTP\/1\.1 204 No Content\r\n(?![\s\S]*length)/i)
  t.match(heads[3], /^HTTP\/1\.1 200 OK\r\n/)
  t.equal(heads[4], 'ok')
})

t.test('what comes on a kept connection that nobody waits on is no answer', async (t) => {
  const sockets: net.Socket[] = []
  const backend = net.createServer((socket) => {
    sockets.push(socket)
    t.teardown(() => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\n${ok}`))
  })
  const port = await proxyTo(t, await listening(t, backend))
  const ask = (): ReturnType<typeof raw> => raw(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.equal((await ask()).body, 'ok')
  t.equal((await ask()).body, 'ok')
  t.equal(sockets.length, 1, 'it is kept')
  const closed = once(sockets[0], 'close')
  sockets[0].write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
  await closed
  t.equal((await ask()).body, 'ok')
  t.equal(sockets.length, 2)
})

t.test('bytes after an answer are not the next one’s', async (t) => {
  const answers = { '/more': `HTTP/1.1 200 OK\r\n${ok}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison` }
  const port = await proxyTo(t, await scripted(t, answers))
  for (const path of ['/more', '/', '/more', '/']) {
    t.equal((await raw(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).body, 'ok')
  }
})

t.test('a kept connection that the backend closes just then: what may be repeated is, on a new one', async (t) => {
  let connections = 0
  const backend = net.createServer((socket) => {
    connections++
    t.teardown(() => socket.destroy())
    socket.on('error', () => socket.destroy())
    // The second request meets the end of the connection.
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\n${ok}`)
      socket.once('data', () => socket.destroy())
    })
  })
  const port = await proxyTo(t, await listening(t, backend))
  const ask = (method: string): ReturnType<typeof raw> =>
    raw(port, `${method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  t.match((await ask('GET')).head, /^HTTP\/1\.1 200 /)
  t.match((await ask('GET')).head, /^HTTP\/1\.1 200 /)
  t.equal(connections, 2)
  t.match((await ask('POST')).head, /^HTTP\/1\.1 200 /)
  t.match((await ask('POST')).head, /^HTTP\/1\.1 503 Service Unavailable\r\n/, 'POST may not be repeated')
  t.equal(connections, 3)
})

t.test('an answer without a length that breaks off is seen to be broken, also by HTTP/1.0', async (t) => {
  for (const version of ['1.0', '1.1']) {
    const answering = deferred<net.Socket>()
    const backend = await rawServer(t, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nhalf')
      answering.resolve(socket)
    })
    const client = net.connect(await proxyTo(t, backend), '127.0.0.1').setEncoding('latin1')
    const outcome = new Promise((resolve) =>
      client.once('error', () => resolve('reset')).once('end', () => resolve('end')),
    )
    let text = ''
    const half = new Promise<void>((resolve) => {
      client.on('data', (data) => {
        text += data
        if (text.includes('half')) resolve()
      })
    })
    client.write(`GET / HTTP/${version}\r\nHost: x\r\n\r\n`)
    await half
    const socket = await answering.promise
    socket.resetAndDestroy()
    t.equal(await outcome, version === '1.0' ? 'reset' : 'end')
    t.notMatch(text, /\r\n0\r\n\r\n$/, 'the last chunk is missing')
    client.destroy()
  }
})

t.test('a backend that answers and closes without reading a large body is heard', async (t) => {
  const backend = await rawServer(t, (socket) => {
    socket.pause()
    socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno', () => socket.destroy())
  })
  const port = await proxyTo(t, backend)
  const body = Buffer.alloc(5_000_000)
  for (let i = 0; i < 10; i++) {
    const options = { port, host: '127.0.0.1', headers: { host: 'x' }, agent: false, method: 'POST' }
    const post = http.request(options).on('error', () => undefined)
    post.setHeader('content-length', body.length)
    post.end(body)
    const [answer] = (await once(post, 'response')) as [IncomingMessage]
    t.equal(answer.statusCode, 413)
    answer.resume()
    await once(answer, 'end')
  }
})

t.test('a backend that answers and closes before it has the request is heard', async (t) => {
  const backend = await rawServer(t, (socket) => {
    socket.end('HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
  })
  const port = await proxyTo(t, backend)
  const post = http.request({ port, host: '127.0.0.1', headers: { host: 'x' }, agent: false, method: 'POST' })
  post.on('error', () => undefined)
  const responded = once(post, 'response') as Promise<[IncomingMessage]>
  post.write('start')
  const [answer] = await responded
  t.equal(answer.statusCode, 413)
  post.end()
  answer.resume()
  await once(answer, 'end')
})
