import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { codingOf, endToEnd, MAX_FIELDS, type Message, tokens, without } from './fields.ts'
import { Refusal } from './reply.ts'

/** Methods whose requests without a body have no length. */
const BODYLESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'])

/** Fields that the gateway sets or answers itself: `expect` by 100 Continue. */
const OWN = new Set(['host', 'expect', 'x-forwarded-for', 'x-forwarded-proto'])

export interface Asker {
  readonly address: string
  readonly authority: string
  readonly isUpgrade: boolean
}

type Request = Message & Pick<IncomingMessage, 'method'>

/**
 * Refuses messages that could be read in two ways, and those that are too large to be forwarded
 * whole.
 * @throws Refusal
 */
export function checkRequest(req: IncomingMessage): void {
  if (req.rawHeaders.length > 2 * MAX_FIELDS) throw new Refusal(431, `more than ${MAX_FIELDS} header fields`)
  const coding = codingOf(req)
  if (coding === 'unknown') throw new Refusal(501, 'a transfer coding other than chunked')
  if (req.httpVersion === '0.9') throw new Refusal(400, 'bad request: HTTP/0.9')
  if (req.httpVersion === '1.1' && req.headers.host === undefined) throw new Refusal(400, 'bad request: no Host')
  // The request is about the server as a whole, and no route is for that.
  if (req.method === 'OPTIONS' && req.url === '*') throw new Refusal(404, 'no route for *')
  // RFC 9112 §6.1: an intermediary that did not know the coding may have passed on more than it
  // thought.
  if (coding !== 'none' && req.httpVersion === '1.0') {
    throw new Refusal(400, 'bad request: a transfer coding in HTTP/1.0')
  }
}

export function hasBody(req: IncomingMessage): boolean {
  return codingOf(req) !== 'none' || Number(req.headers['content-length'] ?? 0) > 0
}

/**
 * Istio's gateways pass on this upgrade, and no other. RFC 9110 §7.8: an upgrade that is not
 * understood is ignored.
 */
export function isWebSocket(req: IncomingMessage): boolean {
  const { method, httpVersion, headers } = req
  return method === 'GET' && httpVersion === '1.1' && !hasBody(req) && tokens(headers.upgrade).includes('websocket')
}

/**
 * Returns the fields that the backend gets: the client's, and as from Envoy, where the request came
 * from.
 */
export function requestFields(req: Request, { address, authority, isUpgrade }: Asker): string[] {
  const { 'x-forwarded-for': forwarded, 'x-request-id': id } = req.headers
  // The client of an IPv6 socket may have an IPv4 address.
  const client = address.replace(/^::ffff:/, '')
  return [
    'host',
    authority,
    ...without(endToEnd(req), (name) => OWN.has(name) || isOfEnvoy(name)),
    'x-forwarded-for',
    forwarded === undefined ? client : `${forwarded}, ${client}`,
    'x-forwarded-proto',
    'http',
    ...(id === undefined ? ['x-request-id', randomUUID()] : []),
    ...framing(req),
    ...(isUpgrade ? ['connection', 'Upgrade', 'upgrade', 'websocket'] : []),
  ]
}

/** Whether a proxy uses the field to describe its clients, so that a client must not set it. */
function isOfEnvoy(name: string): boolean {
  return name === 'x-forwarded-client-cert' || name.startsWith('x-envoy-')
}

function framing(req: Request): string[] {
  if (codingOf(req) === 'chunked') return ['transfer-encoding', 'chunked']
  const isSilent = BODYLESS.has(req.method ?? '') || req.headers['content-length'] !== undefined
  return isSilent ? [] : ['content-length', '0']
}
