import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Agent } from 'undici'
import { forward } from './forward.ts'
import { sendText } from './reply.ts'
import { Router, type VirtualHost } from './routes.ts'
import { BadTargetError, type RequestTarget, readTarget } from './target.ts'

export interface ProxySettings {
  readonly virtualHosts: readonly VirtualHost[]
  /** Where each service is: its host:port in the documents, and the origin, http://host:port. */
  readonly backends: Readonly<Record<string, string>>
  /** Milliseconds that a backend has to start its answer, once it has the request. */
  readonly backendTimeout: number
}

/** Istio's default. */
const CONNECT_TIMEOUT_MS = 10_000

/** The gateway as one HTTP server, which knows nothing of balancing. */
export function createProxy({ virtualHosts, backends, backendTimeout }: ProxySettings): Server {
  const router = new Router(virtualHosts)
  const agent = new Agent({ headersTimeout: backendTimeout, connect: { timeout: CONNECT_TIMEOUT_MS } })

  const handle = (req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void => {
    const target = targetOf(req, res)
    if (!target) return
    const service = router.find(target.host, target.path, Math.random())
    if (service === null) {
      sendText(res, 404, 'no route for this host and path')
      return
    }
    if (expectsContinue) res.writeContinue()
    void forward(req, res, { agent, origin: backends[service], service, target })
  }

  return http
    .createServer((req, res) => handle(req, res, false))
    .on('checkContinue', (req, res) => handle(req, res, true))
    .once('close', () => void agent.close())
}

/** @returns null if the request was refused. */
function targetOf(req: IncomingMessage, res: ServerResponse): RequestTarget | null {
  try {
    return readTarget(req.url ?? '', req.rawHeaders)
  } catch (error) {
    if (!(error instanceof BadTargetError)) throw error
    sendText(res, 400, `bad request: ${error.message}`)
    return null
  }
}
