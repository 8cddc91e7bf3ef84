import http, { type Agent, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { answerHead, type Information, informationText, switchingText } from './answer-head.ts'
import { watchDeadlines } from './deadlines.ts'
import { BackendFailure, failureOf, isReset, reset } from './failures.ts'
import { MAX_HEADER_BYTES } from './fields.ts'
import { Refusal, sendText } from './reply.ts'
import { hasBody, requestFields } from './request-head.ts'
import type { RequestTarget } from './target.ts'
import { type Side, tunnel } from './tunnel.ts'

/** A request, and where its answer goes. */
export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly target: RequestTarget
  /** The client's connection, if the request is for a WebSocket; else null. */
  readonly upgrade: Side | null
}

export interface Backend {
  readonly agent: Agent
  readonly host: string
  readonly port: number
  /** The service's host:port in the documents, for messages. */
  readonly service: string
  /** Milliseconds that the backend has to start its answer, once it has the request. */
  readonly timeout: number
  /** Milliseconds for which nothing may come of a request's body. */
  readonly idleTimeout: number
}

/** A backend's answer. `switched` is its connection, if that is no longer HTTP. */
interface Answer {
  readonly message: IncomingMessage
  readonly switched: Side | null
}

const EMPTY = Buffer.alloc(0)
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/**
 * Sends the request on to its backend and the answer back, both as they come: what one side does
 * not take is not read from the other. If one side goes away, the other is ended. A client that
 * goes ends its request to the backend. A backend that breaks off in the middle ends its client's
 * connection, because there is no other way left to say that something is missing.
 *
 * Whatever goes wrong on the way ends here, with this client alone.
 */
export async function forward(exchange: Exchange, backend: Backend): Promise<void> {
  const { req, res, upgrade } = exchange
  try {
    const { message, switched } = await ask(exchange, backend)
    // The request has been answered and may be cut. The pipeline tells whoever waits for it.
    message.on('error', ignore)
    if (switched === null) await relay(message, res)
    else switchOver(message, switched, res, upgrade)
  } catch (error) {
    fail(res, backend.service, error)
  } finally {
    // The backend may have answered without having taken all of the request. The rest has to be
    // read, or the next request on this connection never is.
    req.resume()
  }
}

/**
 * A kept connection may be closed just when it is used again. A request that may be repeated is
 * then sent on a new one.
 */
async function ask(exchange: Exchange, backend: Backend): Promise<Answer> {
  const { req, res } = exchange
  const upstream = send(exchange, backend, backend.agent)
  try {
    return await answerTo(upstream)
  } catch (error) {
    const mayRepeat = IDEMPOTENT.has(req.method ?? '') && !hasBody(req) && !res.destroyed
    if (!upstream.reusedSocket || !isReset(error) || !mayRepeat) throw error
    return answerTo(send(exchange, backend, false))
  }
}

function send({ req, res, target, upgrade }: Exchange, backend: Backend, agent: Agent | false): ClientRequest {
  const address = req.socket.remoteAddress ?? ''
  const upstream = http.request({
    host: backend.host,
    port: backend.port,
    agent: upgrade === null && agent,
    method: req.method,
    path: target.url,
    headers: requestFields(req, { address, authority: target.authority, isUpgrade: upgrade !== null }),
    maxHeaderSize: MAX_HEADER_BYTES,
  })
  // Node would drop fields without a word; answerHead counts them.
  upstream.maxHeadersCount = 0
  // An error may come after the answer, when nobody waits for it any more.
  upstream.on('error', ignore)
  upstream.on('information', (information) => inform(req, res, information))
  watchDeadlines(req, upstream, backend)
  // The event also comes after the end of a complete answer, when only a body that nobody wants is
  // left to end.
  res.once('close', () => upstream.destroy())
  if (hasBody(req)) sendBody(req, upstream)
  else upstream.end()
  return upstream
}

function sendBody(req: IncomingMessage, upstream: ClientRequest): void {
  // The head is sent at once, even if the body takes its time. It is written as bytes, because Node
  // would encode a text with the text's encoding.
  upstream.write(EMPTY)
  req.pipe(upstream)
  upstream.once('close', () => req.unpipe(upstream).resume())
}

function answerTo(upstream: ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    upstream.once('response', (message) => {
      // If the end of the answer is that of the connection, Node takes a reset of the connection
      // for the end.
      upstream.on('error', (error) => message.complete || message.destroy(error))
      resolve({ message, switched: null })
    })
    upstream.once('upgrade', (message, socket: Duplex, head) => resolve({ message, switched: { socket, head } }))
    upstream.once('error', reject)
    upstream.once('close', () => reject(reset))
  })
}

/** The gateway sends 100 Continue itself. The pipeline only knows of the final answer. */
function inform(req: IncomingMessage, res: ServerResponse, information: Information): void {
  if (information.statusCode === 100 || req.httpVersion !== '1.1' || res.headersSent) return
  res.socket?.write(informationText(information), 'latin1')
}

async function relay(answer: IncomingMessage, res: ServerResponse): Promise<void> {
  const { status, phrase, fields } = answerHead(answer)
  res.writeHead(status, phrase, fields)
  // The header does not wait for a body that takes its time. A body that is there goes out with it.
  if (answer.readableLength === 0) res.write(EMPTY)
  // For a client of HTTP/1.0, the end of the connection is the end of the answer, unless it is
  // reset.
  const isEndedByClose = res.req.httpVersion === '1.0' && answer.headers['content-length'] === undefined
  if (isEndedByClose) answer.once('error', () => res.socket?.resetAndDestroy())
  await pipeline(answer, res)
}

function switchOver(answer: IncomingMessage, backend: Side, res: ServerResponse, client: Side | null): void {
  try {
    if (client === null) throw new BackendFailure(502, 'switched to a protocol that nobody asked for')
    const text = switchingText(answer)
    res.detachSocket(client.socket as Parameters<ServerResponse['detachSocket']>[0])
    client.socket.write(text, 'latin1')
    tunnel(client, backend)
  } catch (error) {
    backend.socket.destroy()
    throw error
  }
}

function fail(res: ServerResponse, service: string, error: unknown): void {
  if (res.headersSent || res.destroyed) {
    res.destroy()
    return
  }
  if (error instanceof Refusal) {
    sendText(res, error.status, error.message)
    return
  }
  const { status, message } = failureOf(error)
  sendText(res, status, `${service} ${message}`)
}

function ignore(): void {
  // The failure is handled where the answer is waited for.
}
