import http, { type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { BackendAgent } from './backend-agent.ts'
import { MAX_HEADER_BYTES } from './fields.ts'
import { type Backend, forward } from './forward.ts'
import { Refusal, sendText } from './reply.ts'
import { checkRequest, hasBody, isWebSocket } from './request-head.ts'
import { Router, type VirtualHost } from './routes.ts'
import { type RequestTarget, readTarget } from './target.ts'
import type { Side } from './tunnel.ts'
import { replay, responseOn, Upgrades } from './upgrades.ts'
import { Waiting } from './waiting.ts'

export interface ProxySettings {
  readonly virtualHosts: readonly VirtualHost[]
  /**
   * Where each service is: the origin, http://host:port, by the service's host:port in the
   * documents.
   */
  readonly backends: Readonly<Record<string, string>>
  /** Milliseconds that a backend has to start its answer, once it has the request. */
  readonly backendTimeout: number
  /**
   * Milliseconds for which nothing of a request's body may come. Default: 5 minutes, as in Envoy.
   */
  readonly idleTimeout?: number
}

const IDLE_TIMEOUT_MS = 300_000
/** Node's default is requestTimeout's value, if that is less. */
const HEADERS_TIMEOUT_MS = 60_000

type Options = ServerOptions & { readonly shouldUpgradeCallback: (req: IncomingMessage) => boolean }

const options: Options = {
  maxHeaderSize: MAX_HEADER_BYTES,
  // Only pauses of a request are bounded, not its whole time.
  requestTimeout: 0,
  headersTimeout: HEADERS_TIMEOUT_MS,
  // checkRequest does this, because `upgrades` has to know of every response.
  requireHostHeader: false,
  // This option exists in Node 24.9 and later, which read a body before the upgrade. Earlier
  // versions leave it to the upgrade, as `replay` needs it.
  shouldUpgradeCallback: (req) => !hasBody(req),
}

/** Creates the gateway as one HTTP server, which knows nothing of balancing. */
export function createProxy(settings: ProxySettings): Server {
  const forwarder = new Forwarder(settings)
  const upgrades = new Upgrades()
  const waiting = new Waiting()
  const made = (res: ServerResponse): void => {
    upgrades.add(res)
    waiting.add(res)
  }
  const server = http.createServer(options)
  // Node would drop fields without a word, Content-Length among them. checkRequest counts them.
  server.maxHeadersCount = 0
  return server
    .on('request', (req, res) => {
      made(res)
      // After an upgrade that was not taken, Node loses what comes next.
      if (req.headers.upgrade !== undefined && hasBody(req)) res.shouldKeepAlive = false
      forwarder.handle(req, res, null)
    })
    .on('checkContinue', (req, res) => {
      made(res)
      forwarder.handle(req, res, null, true)
    })
    .on('checkExpectation', (_, res) => {
      made(res)
      sendText(res, 417, 'an expectation other than 100-continue')
    })
    .on('upgrade', (req, socket, head) => {
      upgrades.inTurn(socket, () => {
        if (isWebSocket(req)) forwarder.handle(req, responseOn(socket as Socket, req), { socket, head })
        else replay(server, req, socket, head)
      })
    })
    .on('connect', (req, socket) => {
      upgrades.inTurn(socket, () => sendText(responseOn(socket as Socket, req), 404, 'no route for CONNECT'))
    })
    .once('close', () => forwarder.close())
}

class Forwarder {
  readonly #router: Router
  readonly #agent = new BackendAgent()
  readonly #backends: ReadonlyMap<string, Backend>

  constructor({ virtualHosts, backends, backendTimeout, idleTimeout = IDLE_TIMEOUT_MS }: ProxySettings) {
    this.#router = new Router(virtualHosts)
    const known = Object.entries(backends).map(([service, origin]) => {
      const { hostname, port } = new URL(origin)
      const host = hostname.replace(/^\[|\]$/g, '')
      const place = { host, port: Number(port || 80), agent: this.#agent }
      return [service, { ...place, service, timeout: backendTimeout, idleTimeout }] as const
    })
    this.#backends = new Map(known)
  }

  /** Has the backend answer the request, or says why it is refused. */
  handle(req: IncomingMessage, res: ServerResponse, upgrade: Side | null, expectsContinue = false): void {
    try {
      checkRequest(req)
      const target = readTarget(req.url ?? '', req.rawHeaders)
      const backend = this.#route(target)
      if (expectsContinue) res.writeContinue()
      // If even the answer to a failure fails, the connection ends.
      forward({ req, res, target, upgrade }, backend).catch(() => res.destroy())
    } catch (error) {
      if (error instanceof Refusal) sendText(res, error.status, error.message)
      else sendText(res, 500, 'failed')
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #route({ host, path }: RequestTarget): Backend {
    const service = this.#router.find(host, path, Math.random())
    const backend = service === null ? undefined : this.#backends.get(service)
    if (backend === undefined) throw new Refusal(404, 'no route for this host and path')
    return backend
  }
}
