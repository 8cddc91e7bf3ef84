import { type ServerResponse, STATUS_CODES } from 'node:http'

/** The gateway's name in answers; Envoy's is istio-envoy. */
export const SERVER_NAME = 'node-dlb'

/** After these statuses, what follows on the connection cannot be trusted, or is not waited for. */
const CLOSING = new Set([400, 408, 431, 501])

/** A request that goes to no backend, and what its client is told. */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Sends an answer of the gateway itself. */
export function sendText(res: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`
  // The phrase is given, because an answer of the backend that could not be forwarded may have left
  // its own.
  res.writeHead(status, STATUS_CODES[status] ?? '', {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    server: SERVER_NAME,
    ...(CLOSING.has(status) && { connection: 'close' }),
  })
  res.end(body)
}
