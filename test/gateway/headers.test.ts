import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { answerFields, phraseOf } from '../../examples/ingress-gateway/proxy/answer-head.ts'
import { type Asker, requestFields } from '../../examples/ingress-gateway/proxy/request-head.ts'

const asker = { address: '192.0.2.1', authority: 'Example.com:8080', isUpgrade: false }
const added = ['x-forwarded-for', '192.0.2.1', 'x-forwarded-proto', 'http', 'x-request-id', 'id']

/** Makes a message as Node reads it: fields that occur again are one list. */
function message(raw: string[], method = 'GET'): IncomingMessage {
  const headers: Record<string, string> = {}
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i].toLowerCase()
    headers[name] = name in headers ? `${headers[name]}, ${raw[i + 1]}` : raw[i + 1]
  }
  return { headers, rawHeaders: raw, method } as unknown as IncomingMessage
}

/** With `id` for an x-request-id that was made up. */
function fieldsOf(raw: string[], more: Partial<Asker> = {}, method = 'GET'): string[] {
  const fields = requestFields(message(raw, method), { ...asker, ...more })
  return fields.map((value) => (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(value) ? 'id' : value))
}

t.test('fields of the connection stay on the connection', async (t) => {
  const raw = [
    ...['Host', 'Example.com:8080', 'Connection', 'close, X-Mine', 'X-Mine', '1', 'Keep-Alive', 'timeout=5'],
    ...['Proxy-Connection', 'close', 'TE', 'trailers', 'Trailer', 'X-Sum', 'HTTP2-Settings', 'AAMAAABk'],
    ...['Upgrade', 'websocket', 'connection', 'x-also', 'X-Also', '2', 'Expect', '100-continue'],
    ...['Accept', 'a', 'accept', 'b', 'Proxy-Authorization', 'c'],
  ]
  t.strictSame(fieldsOf(raw), [
    ...['host', 'Example.com:8080', 'Accept', 'a', 'accept', 'b', 'Proxy-Authorization', 'c'],
    ...added,
  ])
})

t.test('Connection cannot take away where the request goes or how long it is', async (t) => {
  const raw = ['Host', 'Example.com:8080', 'Content-Length', '3', 'Connection', 'host, content-length, x-forwarded-for']
  t.strictSame(fieldsOf(raw), ['host', 'Example.com:8080', 'Content-Length', '3', ...added])
})

t.test('the client is added to those that were before it, and says nothing about the protocol', async (t) => {
  const raw = ['X-Forwarded-For', '10.0.0.1', 'x-forwarded-for', '10.0.0.2', 'X-Forwarded-Proto', 'https']
  t.strictSame(fieldsOf(raw, { address: '::ffff:192.0.2.1' }), [
    ...['host', 'Example.com:8080', 'x-forwarded-for', '10.0.0.1, 10.0.0.2, 192.0.2.1'],
    ...['x-forwarded-proto', 'http', 'x-request-id', 'id'],
  ])
})

t.test("a request's id stays, and what a proxy says of its clients is not the client's to say", async (t) => {
  const raw = [
    ...['X-Request-Id', 'mine', 'X-Forwarded-Client-Cert', 'By=a', 'X-Envoy-External-Address', '1.2.3.4'],
    ...['X-Envoy-Max-Retries', '9', 'X-Envoy', 'kept'],
  ]
  t.strictSame(fieldsOf(raw), [
    ...['host', 'Example.com:8080', 'X-Request-Id', 'mine', 'X-Envoy', 'kept'],
    ...added.slice(0, 4),
  ])
})

t.test('a body comes in chunks or with its length, and POST without one says so', async (t) => {
  const framing = (method: string, raw: string[]): string[] => fieldsOf(raw, {}, method).slice(2 + added.length)
  t.strictSame(framing('GET', ['Transfer-Encoding', 'Chunked']), ['transfer-encoding', 'chunked'])
  t.strictSame(framing('POST', []), ['content-length', '0'])
  t.strictSame(framing('GET', []), [])
})

t.test('an upgrade is asked for again', async (t) => {
  const raw = ['Connection', 'keep-alive, Upgrade', 'Upgrade', 'WebSocket', 'Sec-WebSocket-Key', 'k']
  const fields = fieldsOf(raw, { isUpgrade: true })
  t.strictSame(fields.slice(0, 4), ['host', 'Example.com:8080', 'Sec-WebSocket-Key', 'k'])
  t.strictSame(fields.slice(-4), ['connection', 'Upgrade', 'upgrade', 'websocket'])
})

t.test('an answer keeps its fields, each time they occur, and has our name', async (t) => {
  const raw = [
    ...['Server', 'upstream', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Connection', 'close, x-hop', 'X-Hop', '1'],
    ...['Keep-Alive', 'timeout=1', 'Transfer-Encoding', 'chunked', 'Content-Type', 'text/plain'],
  ]
  t.strictSame(answerFields(message(raw), 200), [
    ...['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Content-Type', 'text/plain', 'server', 'node-dlb'],
  ])
})

t.test('an answer without content has no length; a 304 may have that of what it does not send', async (t) => {
  const lengthOf = (status: number): string[] => answerFields(message(['Content-Length', '5']), status).slice(0, -2)
  t.strictSame(lengthOf(204), [])
  t.strictSame(lengthOf(304), ['Content-Length', '5'])
})

t.test('a phrase is what it was if it is one, else the usual one', async (t) => {
  const phrase = (statusMessage: string, statusCode = 404): string =>
    phraseOf({ statusCode, statusMessage, headers: {}, rawHeaders: [] })
  t.equal(phrase('Non trouv\xe9\t!'), 'Non trouv\xe9\t!')
  t.equal(phrase(''), '')
  t.equal(phrase('a\x01b'), 'Not Found')
  t.equal(phrase('a\x7fb'), 'Not Found')
  t.equal(phrase('a\x01b', 799), '')
})
