import { once } from 'node:events'
import fs from 'node:fs'
import http, { type ServerResponse } from 'node:http'
import http2, { type Http2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import net, { type AddressInfo, type Server } from 'node:net'
import type { Test } from 'tap'
import { followSessions } from '../../lib/worker/drain/http2-sessions.ts'
import { until } from '../deadline.ts'
import { source } from '../programs.ts'

/** Servers whose connections are to end, and their clients. */

export const key = fs.readFileSync(source('test/fixtures/localhost.key'))
export const NEVER = Number.POSITIVE_INFINITY
export const cert = fs.readFileSync(source('test/fixtures/localhost.crt'))

export const LARGE = 8_000_000

export interface Served {
  readonly server: http.Server
  /** Responses that wait for the test. */
  readonly held: ServerResponse[]
}

export async function serve(t: Test): Promise<Served> {
  const held: ServerResponse[] = []
  const server = http.createServer((request, response) => {
    if (request.url === '/held') held.push(response)
    else if (request.url === '/large') response.writeHead(200, { Connection: 'keep-alive' }).end('x'.repeat(LARGE))
    else if (request.url === '/begun')
      held.push(response.writeHead(200, { Connection: 'keep-alive' })) && response.write('x')
    else if (request.url === '/some') response.end('x'.repeat(2000))
    else if (request.url === '/switch') response.writeHead(101, { Connection: 'Upgrade', Upgrade: 'x' }).end()
    else response.end('x')
  })
  await listen(t, server)
  return { server, held }
}

export async function serve2(
  t: Test,
  secure: boolean,
): Promise<{ server: Http2Server; session: http2.ClientHttp2Session }> {
  const answer = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    if (request.url === '/held') server.once('let-go', () => response.end('held'))
    else response.end('x')
  }
  const server = (secure
    ? http2.createSecureServer({ key, cert }, answer)
    : http2.createServer(answer)) as unknown as Http2Server
  followSessions(server)
  await listen(t, server)
  const session = http2.connect(`${secure ? 'https' : 'http'}://127.0.0.1:${port(server)}`, {
    rejectUnauthorized: false,
  })
  t.teardown(() => session.destroy())
  return { server, session }
}

export async function listen(t: Test, server: Server): Promise<void> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
}

/** And no more: `close` of an HTTP server also ends connections. */
export function stopListening(server: Server): void {
  net.Server.prototype.close.call(server)
}

export function port(server: Server): number {
  return (server.address() as AddressInfo).port
}

export async function dial(t: Test, server: Server): Promise<net.Socket> {
  const client = net.connect(port(server), '127.0.0.1')
  t.teardown(() => client.destroy())
  await once(client, 'connect')
  return client
}

export function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
}

export async function untilHeld(held: readonly ServerResponse[], count: number): Promise<void> {
  await until(`${count} requests are held`, () => held.length >= count)
}

/** The Connection headers in a row of responses. */
export function connectionsOf(responses: string): string[] {
  return [...responses.matchAll(/^connection: (.*)\r$/gim)].map(([, value]) => value)
}
