import type { IncomingMessage, ServerResponse } from 'node:http'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Agent, Dispatcher } from 'undici'
import { failureOf } from './failures.ts'
import { type RawHeaders, requestHeaders, responseHeaders } from './headers.ts'
import { SERVER_NAME, sendText } from './reply.ts'
import type { RequestTarget } from './target.ts'

export interface Forwarding {
  readonly agent: Agent
  /** Of the backend: http://host:port. */
  readonly origin: string
  /** For messages: host:port in the documents. */
  readonly service: string
  readonly target: RequestTarget
}

/**
 * Sends the request on to its backend and the answer back, both as they come: what one side does not take, the other is
 * not asked for. Whoever goes away takes the other with them: a client its request to the backend, a backend that
 * breaks off in the middle its client's connection, since there is no other way left to say that something is missing.
 */
export async function forward(req: IncomingMessage, res: ServerResponse, to: Forwarding): Promise<void> {
  const gone = new AbortController()
  // Also emitted after the end of a complete answer, when there is nothing left to abort.
  res.once('close', () => gone.abort())
  try {
    await relay(res, await send(req, to, gone.signal))
  } catch (error) {
    if (!gone.signal.aborted) fail(res, to.service, error)
  } finally {
    // The backend may have answered without having taken all of the request. The rest has to go somewhere, or the
    // next request on this connection is never read.
    req.resume()
  }
}

function send(req: IncomingMessage, to: Forwarding, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  const { agent, origin, target } = to
  // Not by a URL object, which would write the path its own way.
  return agent.request({
    origin,
    path: target.url,
    method: req.method as Dispatcher.HttpMethod,
    headers: requestHeaders(req.rawHeaders, { address: req.socket.remoteAddress ?? '', authority: target.authority }),
    body: hasBody(req) ? bodyOf(req) : null,
    responseHeaders: 'raw',
    signal,
  })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/**
 * Not the request itself: undici destroys a stream that it needs no more, which would be the client's connection. The
 * end is passed on and a failure is not: the latter aborts.
 */
function bodyOf(req: IncomingMessage): Readable {
  return req.pipe(new PassThrough())
}

async function relay(res: ServerResponse, answer: Dispatcher.ResponseData): Promise<void> {
  // With responseHeaders: 'raw' undici gives names and values in turn, which its types do not say.
  const raw = answer.headers as unknown as RawHeaders
  res.writeHead(answer.statusCode, answer.statusText, responseHeaders(raw, SERVER_NAME))
  // A body that takes its time does not hold the header up; one that is there goes out with it.
  if (answer.body.readableLength === 0) res.flushHeaders()
  await pipeline(answer.body, res)
}

function fail(res: ServerResponse, service: string, error: unknown): void {
  if (res.headersSent) {
    res.destroy()
    return
  }
  const { status, reason } = failureOf(error)
  sendText(res, status, `${service} ${reason}`)
}
