import type { ServerResponse } from 'node:http'

/** Envoy's is istio-envoy. */
export const SERVER_NAME = 'node-dlb'

/** What the gateway itself has to say. */
export function sendText(res: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`
  res.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    server: SERVER_NAME,
  })
  res.end(body)
}
