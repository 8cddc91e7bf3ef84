import t from 'tap'
import { requestHeaders, responseHeaders } from '../../examples/ingress-gateway/proxy/headers.ts'

const client = { address: '192.0.2.1', authority: 'Example.com:8080' }
const added = ['x-forwarded-for', '192.0.2.1', 'x-forwarded-proto', 'http']

t.test('fields of the connection stay on the connection', async (t) => {
  const raw = [
    ...['Host', 'Example.com:8080', 'Connection', 'close, X-Mine', 'X-Mine', '1', 'Keep-Alive', 'timeout=5'],
    ...['Proxy-Connection', 'close', 'TE', 'trailers', 'Transfer-Encoding', 'chunked', 'Trailer', 'X-Sum'],
    ...['Upgrade', 'websocket', 'connection', 'x-also', 'X-Also', '2', 'Expect', '100-continue'],
    ...['Accept', 'a', 'accept', 'b', 'Proxy-Authorization', 'c'],
  ]
  t.strictSame(requestHeaders(raw, client), [
    ...['host', 'Example.com:8080', 'Accept', 'a', 'accept', 'b', 'Proxy-Authorization', 'c'],
    ...added,
  ])
})

t.test('Connection cannot take away where the request goes or how long it is', async (t) => {
  const raw = ['Host', 'Example.com:8080', 'Content-Length', '3', 'Connection', 'host, content-length, x-forwarded-for']
  t.strictSame(requestHeaders(raw, client), ['host', 'Example.com:8080', 'Content-Length', '3', ...added])
})

t.test('the client is added to those that were before it, and says nothing about the protocol', async (t) => {
  const raw = ['X-Forwarded-For', '10.0.0.1', 'x-forwarded-for', '10.0.0.2', 'X-Forwarded-Proto', 'https']
  const forwarded = ['x-forwarded-for', '10.0.0.1, 10.0.0.2, 192.0.2.1', 'x-forwarded-proto', 'http']
  t.strictSame(requestHeaders(raw, { ...client, address: '::ffff:192.0.2.1' }), [
    ...['host', 'Example.com:8080'],
    ...forwarded,
  ])
})

t.test('an answer keeps its fields, each time they occur, and has our name', async (t) => {
  const raw = [
    ...['Server', 'upstream', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Connection', 'close, x-hop', 'X-Hop', '1'],
    ...['Keep-Alive', 'timeout=1', 'Transfer-Encoding', 'chunked', 'Content-Type', 'text/plain'],
  ]
  t.strictSame(responseHeaders(raw, 'node-dlb'), [
    ...['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Content-Type', 'text/plain', 'server', 'node-dlb'],
  ])
})
